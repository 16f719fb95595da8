"""Evaluating a dataset with a model version, from beginning to end on the caller's thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

from dashboard.core.engine.contract import Engine
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.chunks import Chunk
from dashboard.core.evaluation.opening import OpenRun, begin
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.evaluation.work import EvaluationWork, Progress
from dashboard.core.models.prediction import ChunkAnswers
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.store import RunStore, storage_error

CHUNKS_AHEAD = 2  # for each worker, so that none idles and an urgent task waits for one chunk at most


def evaluate(
    path: Path,
    version: ModelVersion,
    engine: Engine,
    store: RunStore,
    chunk_size: int = 128,
    chunk_s: float = 120.0,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: threading.Event | None = None,
    label_map: Mapping[str, str] | None = None,
) -> RunManifest:
    """Evaluates the dataset at `path` and returns the manifest of the stored run.

    An image that cannot be read, whose folder is no class of the model, or that kills its worker is a failed row; the
    rest goes on. When `cancelled` is set, what is done stays.

    Args:
        chunk_size: images that a worker takes at a time.
        chunk_s: how long it may take for so many.
        label_map: what some labels mean, see `match_labels`.

    Raises:
        DatasetError: the dataset cannot be used at all, or the results cannot be written.
        DependencyError, ModelError, WorkerError: nothing can be predicted; the run is stored as failed.
    """
    run = begin(plan_run(path, version, label_map), store, chunk_size)
    return go_on(run, engine, store, chunk_s, on_progress, cancelled)


def go_on(
    run: OpenRun,
    engine: Engine,
    store: RunStore,
    chunk_s: float = 120.0,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: threading.Event | None = None,
) -> RunManifest:
    """Does what is left of a run; see `evaluate`. After KeyboardInterrupt it is stored as cancelled."""
    cancelled = cancelled or threading.Event()
    inbox: SimpleQueue[tuple[Chunk, Future[ChunkAnswers]]] = SimpleQueue()
    work = EvaluationWork(run, engine, store, chunk_s)
    try:
        while not work.complete and not cancelled.is_set():
            while work.pending < CHUNKS_AHEAD * engine.size:
                if not work.submit_next(lambda chunk, future: inbox.put((chunk, future))):
                    break
            work.settle(*inbox.get())
            on_progress(work.progress)
        with contextlib.suppress(DashboardError):
            work.measure().result()
        return work.finish("finished" if work.complete else "cancelled")
    except OSError as error:
        work.leave()  # as it is: it can be taken up when there is space
        raise storage_error(store, error, run.manifest.run_id) from error
    except KeyboardInterrupt:
        work.finish("cancelled")
        raise
    except BaseException as error:
        with contextlib.suppress(OSError):
            work.finish("failed", str(error))
        work.leave()
        raise
