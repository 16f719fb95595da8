"""One run under way: submits chunks to the engine and stores their rows in the run's folder, part by part."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from dashboard.core.datasets import Sample
from dashboard.core.datasets.unchanged import DATASET_CHANGED, changed, open_with_content
from dashboard.core.engine.contract import ATTEMPTS, Engine
from dashboard.core.errors import DatasetError, DependencyError, ModelError, WorkerError, counted
from dashboard.core.evaluation.chunk_rows import chunk_rows, known
from dashboard.core.evaluation.chunks import Chunk, ChunkQueue
from dashboard.core.evaluation.opening import OpenRun
from dashboard.core.images.thumbnails import thumbnail_shape
from dashboard.core.models.prediction import ChunkAnswers, Failure
from dashboard.core.runs.file_faults import ANNOTATIONS
from dashboard.core.runs.manifest import RunManifest, State
from dashboard.core.runs.thumbnail_file import ThumbnailFile

# If this many chunks of one image crash their worker and no chunk has succeeded, blame the model and stop.
MOST_IN_VAIN = 3
_NO_THUMBNAILS = (
    "The file of small pictures could not be written or read, so they are shown as long as the dataset is there."
)
SHORTEST_LIMIT_S = 30.0  # even for a small chunk, since a new worker loads the model during its first chunk


@dataclass(frozen=True)
class Progress:
    """The progress of an evaluation, in rows: images, and rows of a table without an image."""

    done: int
    total: int
    failed: int
    seconds: float  # since the start or the resumption
    before: int = 0  # done before the resumption
    n_without_image: int = 0  # of `total`: rows of a table without an image; most of them are the last

    @property
    def images(self) -> tuple[int, int]:
        """How many images are done, and how many there are, without rows of a table that have none."""
        total = max(0, self.total - self.n_without_image)
        return min(self.done, total), total

    @property
    def images_per_second(self) -> float:
        """Mean rate since the start or the resumption."""
        return (self.done - self.before) / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """Estimated seconds until the end; None before the first images are done."""
        return (self.total - self.done) / self.images_per_second if self.done > self.before else None


Settled = Callable[[Chunk, "Future[ChunkAnswers]"], object]


@dataclass(frozen=True)
class _Piece:
    rows: pa.Table
    thumbnails: np.ndarray | None  # of the images with a prediction
    notes: Counter[str]  # images of each note on pixels

    def predicted(self) -> np.ndarray:
        """The `index` of each row with a prediction."""
        return self.rows["index"].to_numpy()[self.rows["status"].to_numpy() == "ok"]


class EvaluationWork:
    """One run under way. Its driver calls `submit_next` and `settle` from one thread until it is `complete`."""

    def __init__(self, run: OpenRun, engine: Engine, chunk_s: float) -> None:
        """Raises DatasetError when the stored rows cannot be read.

        Args:
            chunk_s: time limit for a chunk of full size, in seconds.
        """
        self.manifest, self._dataset, self._version, self.owner = run.manifest, run.dataset, run.version, run.owner
        self._run, self._folder, self._engine, self._chunk_s = run, run.folder, engine, chunk_s
        self._size, self._total = run.manifest.chunk_size, run.manifest.n_images
        self._notes = Counter[str]()  # images of each note on pixels
        done = self._done_parts()
        self._chunks = ChunkQueue(run.dataset.samples, self._size, done)
        self._pending: dict[Future[ChunkAnswers], Chunk] = {}
        self._pieces: dict[int, list[_Piece]] = {}  # of incomplete parts
        self._unwritten: dict[int, list[_Piece]] = {}
        self._thumbnails: ThumbnailFile | None = None
        self._largest = 0  # images in the largest chunk that succeeded
        self._in_vain = 0  # single-image chunks that ended their workers
        self._mixed = False  # the dataset was changed meanwhile: some rows may be about images that it no longer holds
        try:
            shape = thumbnail_shape(run.version.preprocessing)
            self._thumbnails = self._folder.beside.keep_thumbnails(self._total, shape, new=not done)
        except OSError as error:
            self._do_without_thumbnails(error)
        self._start = time.perf_counter()

    def _do_without_thumbnails(self, error: OSError) -> None:
        """Small pictures then come from the dataset. Those of some rows only would be black for all other rows."""
        logging.getLogger(__name__).warning("Run %s keeps no thumbnails: %s", self.manifest.run_id, error)
        self._thumbnails = None
        with contextlib.suppress(OSError):
            self._folder.beside.forget_thumbnails()
        if _NO_THUMBNAILS not in self.manifest.notes:
            self.manifest = replace(self.manifest, notes=(*self.manifest.notes, _NO_THUMBNAILS))

    def _done_parts(self) -> set[int]:
        parts = range(-(-self._total // self._size))
        if self._folder.rows.is_packed():
            self._before = self._done = self._total
            self._failed = len(self._folder.load(["status"]).failed)
            with contextlib.suppress(OSError):
                self._notes = self._folder.rows.notes_when_packed()
            return set(parts)
        found = self._folder.rows.parts()
        done = {part for part in parts if part in found and found[part].rows == len(self._samples_of(part))}
        self._before = self._done = sum(found[part].rows for part in done)
        self._failed = sum(found[part].failed for part in done)
        self._notes = sum((found[part].notes for part in done), Counter[str]())
        return done

    def _samples_of(self, part: int) -> range:
        return range(part * self._size, min(self._total, (part + 1) * self._size))

    @property
    def progress(self) -> Progress:
        """The progress, counting stored rows only."""
        seconds = time.perf_counter() - self._start
        without = self.manifest.n_without_image
        return Progress(self._done, self._total, self._failed, seconds, self._before, without)

    @property
    def complete(self) -> bool:
        """True if every row is stored."""
        return self._done == self._total

    def in_vain(self, error: BaseException | None) -> bool:
        """True if nothing is stored, neither a row nor a note, and `error` says that there will be no row.

        That is so if the model or TensorFlow cannot be used.
        """
        if self._done or (self._folder.path / ANNOTATIONS).exists():
            return False
        if isinstance(error, WorkerError):
            return error.code in ("worker_failed", "worker_hung")
        return isinstance(error, (ModelError, DependencyError))

    def is_asked_to_stop(self) -> bool:
        """True if another process asks to stop the run."""
        return self._folder.is_asked_to_stop()

    @property
    def pending(self) -> int:
        """The number of submitted chunks that are not settled."""
        return len(self._pending)

    def submit_next(self, settled: Settled) -> bool:
        """Submits the next chunk to the engine. Returns False if none is left.

        Args:
            settled: called on any thread when the chunk is done, with the arguments to pass to `settle`.
        """
        if not self._chunks:
            return False
        chunk = self._chunks.take()
        limit_s = max(min(self._chunk_s, SHORTEST_LIMIT_S), self._chunk_s * len(chunk.samples) / self._size)
        attempts = ATTEMPTS if len(chunk.samples) == 1 else 1  # a larger chunk is halved instead
        samples = known(chunk.samples, self.manifest)
        future: Future[ChunkAnswers] = self._engine.submit(
            "predict_samples", self._version, self._dataset.path, samples, self._thumbnails is not None,
            timeout_s=limit_s, attempts=attempts,
        )  # fmt: skip
        self._pending[future] = chunk
        future.add_done_callback(lambda done: settled(chunk, done))
        return True

    def settle(self, chunk: Chunk, future: Future[ChunkAnswers]) -> None:
        """Stores the rows of a chunk, or halves the chunk if it ended its worker.

        Raises:
            OSError: the rows cannot be written. They stay in memory, and `write` tries again.
            DashboardError: nothing can be predicted.
        """
        self._pending.pop(future, None)
        try:
            answers = future.result()
        except WorkerError as error:
            if error.code in ("worker_unavailable", "worker_lost"):  # not the fault of the images
                raise
            if len(chunk.samples) > 1:
                slow = error.code == "worker_hung" and len(chunk.samples) > self._largest
                self._chunks.halve(chunk, also_the_others=slow)
                return
            self._in_vain += 1
            if not (self._largest or self._before) and self._in_vain == MOST_IN_VAIN:
                raise
            answers = _no_answer(known(chunk.samples, self.manifest), len(self.manifest.class_names), error)
        except DatasetError as error:
            self._mixed = error.code == DATASET_CHANGED
            raise
        else:
            self._largest = max(self._largest, len(chunk.samples))
        # a run that was begun before doubt was stored goes on without it: a filter would silently drop its other rows
        familiarity = self._version.familiarity if self.manifest.familiarity_kept is not None else None
        rows = chunk_rows(chunk.samples, answers, self.manifest, familiarity)
        pieces = self._pieces.setdefault(chunk.part, [])
        notes = Counter(note for told in answers.notes.values() for note in told)
        pieces.append(_Piece(rows, answers.thumbnails, notes))
        if sum(len(piece.rows) for piece in pieces) == len(self._samples_of(chunk.part)):
            self._unwritten[chunk.part] = self._pieces.pop(chunk.part)
        self.write()

    def write(self) -> None:
        """Stores the complete parts. Raises OSError as `settle` does."""
        for part, pieces in list(self._unwritten.items()):
            for piece in pieces:
                if self._thumbnails and piece.thumbnails is not None:  # before the part, which implies them
                    try:
                        self._thumbnails.write(piece.predicted(), piece.thumbnails)
                    except FileNotFoundError as error:  # somebody removed the file, or the whole folder, see `add_part`
                        self._do_without_thumbnails(error)
            rows = pa.concat_tables([piece.rows for piece in pieces])
            notes = sum((piece.notes for piece in pieces), Counter[str]())
            self._folder.add_part(part, rows, notes)
            self._notes += notes
            del self._unwritten[part]
            self._done += len(rows)
            self._failed += rows["status"].to_pylist().count("failed")

    def measure(self) -> Future[None]:
        """Lets a worker compute the metrics. If that fails, the reader of the run computes them."""
        measured: Future[None] = self._engine.submit("measure_run", self._folder.path)
        return measured

    def finish(self, state: State, message: str = "") -> RunManifest:
        """Ends the run in this state.

        Raises:
            OSError: the manifest cannot be written. The call may be repeated.
            DatasetError: the state is "finished", but the dataset was changed during the evaluation.
        """
        if state == "finished":
            self._check_unchanged()
        seconds = self._run.seconds_before + time.perf_counter() - self._start
        about_pixels = self._about_pixels() if state == "finished" else ()  # else the run goes on later
        final = replace(self.manifest, notes=(*self.manifest.notes, *about_pixels))
        if self._mixed:
            final = replace(final, key="")  # rows without a key are never reused
        manifest = self._folder.finish(final, state, seconds, message)
        self.leave()
        return manifest

    def _about_pixels(self) -> list[str]:
        return [f"{counted(number, 'image')}: {note}" for note, number in self._notes.most_common()]

    def _check_unchanged(self) -> None:
        was_changed = changed(
            self.manifest.dataset_name,
            "while it was evaluated: some answers may be about its old content, some about its new content.",
        )
        try:
            open_with_content(self._dataset.path, self.manifest.dataset_sha256, was_changed)
        except DatasetError as error:
            if error is was_changed:  # another error means that the dataset is gone, but all of it was read
                self._mixed = True
                raise

    def leave(self) -> None:
        """Stops work on the run and releases it unchanged, so that it can be resumed."""
        for future in list(self._pending):
            future.cancel()
        self.owner.release()


def _no_answer(samples: Sequence[Sample], n_classes: int, error: WorkerError) -> ChunkAnswers:
    empty = np.empty((0, n_classes))
    failure = Failure(error.code, error.message, error.fix)
    return ChunkAnswers(np.empty(0, np.int64), empty, empty, dict.fromkeys(range(len(samples)), failure))
