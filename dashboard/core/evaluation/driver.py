"""Evaluates one new or resumed run to its end, on the caller's thread. `JobRunner` evaluates several runs in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

from dashboard.core.engine.contract import Engine
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.chunks import Chunk
from dashboard.core.evaluation.opening import OpenRun
from dashboard.core.evaluation.work import EvaluationWork, Progress
from dashboard.core.models.prediction import ChunkAnswers
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.store import RunStore, storage_error

CHUNKS_AHEAD = 2  # per worker: no worker idles, and an urgent task waits for one chunk at most


def go_on(
    run: OpenRun,
    engine: Engine,
    chunk_s: float,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> RunManifest:
    """Evaluates the remaining chunks of a run and returns its manifest.

    An image becomes a failed row if it cannot be read, its label is not a class of the model, or it kills its worker;
    the evaluation continues. After KeyboardInterrupt the run is stored as cancelled; another process can ask for that.

    Args:
        chunk_s: time limit for a chunk of full size, in seconds.
        on_progress: called on this thread after every chunk.

    Raises:
        DatasetError: the dataset was changed, or the results cannot be written.
        DependencyError, ModelError: nothing can be predicted; a run without rows and notes is removed, others are stored
            as failed.
        WorkerError: the workers cannot be started; the run is stored as failed.
    """
    inbox: SimpleQueue[tuple[Chunk, Future[ChunkAnswers]]] = SimpleQueue()
    work = EvaluationWork(run, engine, chunk_s)
    try:
        while not work.complete:
            while work.pending < CHUNKS_AHEAD * engine.size:
                if not work.submit_next(lambda chunk, future: inbox.put((chunk, future))):
                    break
            work.settle(*inbox.get())
            on_progress(work.progress)
            if not work.complete and work.is_asked_to_stop():
                raise KeyboardInterrupt
        with contextlib.suppress(DashboardError):
            work.measure().result()
        return work.finish("finished")
    except OSError as error:
        work.leave()  # stays unfinished, so that it can be resumed when there is space
        raise storage_error(run.folder.path.parent, error, run.manifest.run_id) from error
    except KeyboardInterrupt:
        work.finish("cancelled")
        raise
    except BaseException as error:
        with contextlib.suppress(OSError, DashboardError):  # the first error is the one to tell
            work.finish("failed", str(error))
            if work.in_vain(error):
                RunStore(run.folder.path.parent).discard(run.manifest.run_id)
        work.leave()
        raise
