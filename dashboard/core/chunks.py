"""A dataset cut into chunks, always in the same places, and which of them are still to be done."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from dataclasses import dataclass

from dashboard.core.datasets import Sample


@dataclass(frozen=True)
class Chunk:
    """What a worker takes at a time: the samples of one part of a run, or a piece of it."""

    part: int
    samples: Sequence[Sample]  # in the order of `index`, never empty

    def halves(self) -> list[Chunk]:
        """Itself when it is a single sample."""
        middle = len(self.samples) // 2
        pieces = (self.samples[:middle], self.samples[middle:])
        return [Chunk(self.part, piece) for piece in pieces if piece]


class ChunkQueue:
    """The chunks of one run that no worker has yet."""

    def __init__(self, samples: Sequence[Sample], size: int, done: Container[int]) -> None:
        """Part i is of samples [i * size, (i + 1) * size); `done` are parts that need not be done."""
        starts = range(0, len(samples), size)
        self._todo = deque(
            Chunk(part, samples[start : start + size]) for part, start in enumerate(starts) if part not in done
        )

    def __bool__(self) -> bool:
        return bool(self._todo)

    def take(self) -> Chunk:
        """The next one. Raises IndexError when there is none."""
        return self._todo.popleft()

    def halve(self, chunk: Chunk, also_the_others: bool) -> None:
        """Puts back, in two halves, one that ended its worker: one image may be the cause, and is found in this way.

        Args:
            also_the_others: it hung, so perhaps the model is slow: then the others would, too.
        """
        if also_the_others:
            self._todo = deque(half for each in self._todo for half in each.halves())
        self._todo.extendleft(reversed(chunk.halves()))
