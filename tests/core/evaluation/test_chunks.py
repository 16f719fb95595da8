from __future__ import annotations

from dashboard.core.datasets import Sample
from dashboard.core.evaluation.chunks import ChunkQueue

SAMPLES = [Sample(i, f"cat/{i}.png", "cat") for i in range(10)]


def left(queue: ChunkQueue) -> list[tuple[int, list[int]]]:
    found = []
    while queue:
        chunk = queue.take()
        found.append((chunk.part, [s.index for s in chunk.samples]))
    return found


def test_the_cut_is_always_the_same_and_what_is_done_is_left_out() -> None:
    assert left(ChunkQueue(SAMPLES, 4, set())) == [(0, [0, 1, 2, 3]), (1, [4, 5, 6, 7]), (2, [8, 9])]
    assert left(ChunkQueue(SAMPLES, 4, {0, 2})) == [(1, [4, 5, 6, 7])]
    assert not ChunkQueue(SAMPLES, 4, range(3))


def test_a_chunk_that_ended_its_worker_comes_back_in_halves_before_the_others() -> None:
    queue = ChunkQueue(SAMPLES, 4, set())
    queue.halve(queue.take(), also_the_others=False)
    assert left(queue) == [(0, [0, 1]), (0, [2, 3]), (1, [4, 5, 6, 7]), (2, [8, 9])]


def test_after_a_hang_all_that_is_left_is_halved() -> None:
    queue = ChunkQueue(SAMPLES[:9], 4, set())
    queue.halve(queue.take(), also_the_others=True)
    assert left(queue) == [(0, [0, 1]), (0, [2, 3]), (1, [4, 5]), (1, [6, 7]), (2, [8])]


def test_a_single_sample_comes_back_as_it_is() -> None:
    queue = ChunkQueue(SAMPLES[:1], 4, set())
    queue.halve(queue.take(), also_the_others=True)
    assert left(queue) == [(0, [0])]


def test_samples_are_made_when_their_chunk_is_taken() -> None:
    class Counted(list[Sample]):
        asked = 0

        def __getitem__(self, places):  # type: ignore[no-untyped-def, override]
            Counted.asked += 1
            return super().__getitem__(places)

    queue = ChunkQueue(Counted(SAMPLES), 4, set())
    assert Counted.asked == 0
    queue.take()
    assert Counted.asked == 1
