"""Cuts a dataset into chunks, always at the same positions, and keeps the queue of the chunks that remain."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from dataclasses import dataclass

from dashboard.core.datasets import Sample


@dataclass(frozen=True)
class Chunk:
    """The samples for one task: all samples of one part of a run, or some of them."""

    part: int
    samples: Sequence[Sample]  # in the order of `index`, without gaps, never empty


class ChunkQueue:
    """The chunks of one run that are not submitted yet. The samples of a chunk are read only when it is taken."""

    def __init__(self, samples: Sequence[Sample], size: int, done: Container[int]) -> None:
        """Part i holds the samples [i * size, (i + 1) * size). The parts in `done` are skipped."""
        self._samples = samples
        ends = ((start, min(start + size, len(samples))) for start in range(0, len(samples), size))
        self._todo = deque((part, range(*places)) for part, places in enumerate(ends) if part not in done)

    def __bool__(self) -> bool:
        return bool(self._todo)

    def take(self) -> Chunk:
        """Removes and returns the next chunk. Raises IndexError when there is none."""
        part, places = self._todo.popleft()
        return Chunk(part, self._samples[places.start : places.stop])

    def halve(self, chunk: Chunk, also_the_others: bool) -> None:
        """Puts a chunk that ended its worker back as two halves, to find out whether a single image is the cause.

        Args:
            also_the_others: also halve the chunks that still wait. After a time-out, the model may be too slow for this
                size.
        """
        if also_the_others:
            self._todo = deque((part, half) for part, places in self._todo for half in _halves(places))
        places = range(chunk.samples[0].index, chunk.samples[-1].index + 1)
        self._todo.extendleft((chunk.part, half) for half in reversed(_halves(places)))


def _halves(places: range) -> list[range]:
    """Both halves of a range; the range itself if it has one element."""
    middle = len(places) // 2
    return [half for half in (places[:middle], places[middle:]) if half]
