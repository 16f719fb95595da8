"""Jobs: the evaluations under way on this server.

The process has one runner, so jobs survive reruns and reloads of a page. After a restart of the server,
`JobRunner.go_on_with_interrupted` resumes them.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

from dashboard.core.engine.contract import Engine, was_closed
from dashboard.core.errors import DashboardError, DatasetError
from dashboard.core.evaluation.chunks import Chunk
from dashboard.core.evaluation.driver import CHUNKS_AHEAD
from dashboard.core.evaluation.job import Job, JobState
from dashboard.core.evaluation.opening import Found, Opened, OpenRun, cancel_interrupted, open_run, take_up_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.evaluation.work import EvaluationWork
from dashboard.core.files import disk_is_full, how_to_write_again
from dashboard.core.models.prediction import ChunkAnswers
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.manifest import RunManifest, new_run_id
from dashboard.core.runs.owner import RunOwner
from dashboard.core.runs.store import RunStore, storage_error

_LOG = logging.getLogger(__name__)
RETRY_S = 30.0  # between attempts to write to a full disk
LOOK_S = 0.5  # between looks whether another process asks to stop a run


@dataclass(frozen=True)
class _Unopened:
    """A run that waits for space on the disk before it can be opened."""

    job: Job
    opened: Callable[[], Opened]
    owner: RunOwner | None  # None if its lock could not be taken

    def release(self) -> None:
        if self.owner:
            self.owner.release()


class JobRunner:
    """Runs several evaluations at the same time and submits their chunks in turn. Thread-safe.

    One thread makes all changes; other threads send it functions to call.
    """

    def __init__(
        self, engine: Engine, store: RunStore, chunk_size: int, chunk_s: float, retry_s: float = RETRY_S
    ) -> None:
        """Starts the thread, which runs until the process ends.

        Args:
            chunk_size: images per chunk, in new runs.
            chunk_s: time limit for a chunk of full size, in seconds.
            retry_s: seconds between attempts to write to a full disk.
        """
        self._engine, self._store, self._chunk_size, self._chunk_s = engine, store, chunk_size, chunk_s
        self._retry_s, self._retry_at = retry_s, 0.0
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._inbox: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._turns: deque[str] = deque()  # ids of the runs with chunks to submit, the next one first
        self._works: dict[str, EvaluationWork] = {}
        self._unopened: dict[str, _Unopened] = {}  # runs that could not be resumed because the disk is full
        threading.Thread(target=self._loop, name="jobs", daemon=True).start()

    def start(
        self,
        dataset: Path,
        version: ModelVersion,
        label_map: Mapping[str, str] | None = None,
        use_stored: bool = True,
        first_id: int | None = None,
        store: RunStore | None = None,
    ) -> Job:
        """Starts a job and returns it before the dataset is open.

        Once the dataset is open, the result may be another run: an equal run, or an interrupted run of the same
        dataset, which then continues as a job of its own. `Job.found` names that run.

        Args:
            label_map: what the user says that some labels mean, see `match_labels`.
            use_stored: False always starts a new run, see `open_run`.
            first_id: the number of the first class, if the user says that the labels are class ids: 0 or 1.
            store: as the visitor sees it who starts the job; None for all runs.
        """
        store = store or self._store
        job = Job(new_run_id(), dataset, version.ref, user=store.visitor.name)

        def opened() -> Opened:
            plan = plan_run(dataset, version, label_map, first_id)
            return open_run(plan, store, self._chunk_size, job.run_id, use_stored)

        return self._add(job, opened)

    def go_on(self, run_id: str, registry: Registry) -> Job:
        """Resumes an unfinished run. Raises DatasetError when there is no such run."""
        manifest = self._store.folder(run_id).manifest()
        job = Job(run_id, Path(manifest.dataset), manifest.model, user=manifest.user)
        return self._add(job, lambda: take_up_run(run_id, self._store, registry))

    def go_on_with_interrupted(self, registry: Registry) -> list[Job]:
        """Resumes every run that stopped because its process ended."""
        runs = [m for m in self._store.list() if not m.imported]
        left = [m.run_id for m in runs if self._store.folder(m.run_id).state(m) == "interrupted"]
        resumed = []
        for run_id in reversed(left):
            try:
                resumed.append(self.go_on(run_id, registry))
            except Exception:  # one run must not keep the others from going on
                _LOG.warning("Run %s does not go on.", run_id, exc_info=True)
        return resumed

    def get(self, run_id: str) -> Job | None:
        """The current state of a job, or None if this server has no such job."""
        with self._lock:
            return self._jobs.get(run_id)

    def active(self) -> list[Job]:
        """The jobs that have not ended, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.active]

    def cancel(self, run_id: str) -> None:
        """Cancels a job. The finished chunks are kept."""
        self._inbox.put(partial(self._cancel, run_id))

    def retry(self) -> None:
        """Resumes paused jobs now."""
        self._inbox.put(self._retry_paused)

    def _add(self, job: Job, opened: Callable[[], Opened]) -> Job:
        """Starts the job and returns it. If the same run already has an active job, returns that job instead."""
        with self._lock:
            if (other := self._jobs.get(job.run_id)) and other.active:
                return other
            self._jobs[job.run_id] = job
        self._start_opening(job, opened)
        return job

    def _start_opening(self, job: Job, opened: Callable[[], Opened]) -> None:
        # on its own thread: opening a large dataset takes seconds and must not block other jobs
        threading.Thread(target=self._open, args=(job, opened), name=f"open-{job.run_id}", daemon=True).start()

    def _open(self, job: Job, opened: Callable[[], Opened]) -> None:
        try:
            run = opened()
            if not isinstance(run, OpenRun):
                found = replace(
                    job, state="finished", found=run.manifest.run_id, finished_before=isinstance(run, Found)
                )
                self._inbox.put(partial(self._settle_waiting, found))
                return
            try:
                work = EvaluationWork(run, self._engine, self._chunk_s)
            except BaseException:
                run.owner.release()
                raise
            self._inbox.put(partial(self._begin, job, work))
        except Exception as error:
            left = self._stored(job.run_id)
            if left and isinstance(error, OSError) and disk_is_full(error):
                self._inbox.put(partial(self._wait_for_space, job, opened, error))
                return
            failed = replace(job, state="failed", error=self._told(error, left.run_id if left else ""), left=left)
            self._inbox.put(partial(self._settle_waiting, failed))

    def _wait_for_space(self, job: Job, opened: Callable[[], Opened], error: OSError) -> None:
        if not self._jobs[job.run_id].active:  # cancelled meanwhile
            self._cancel_unopened(job.run_id)
            return
        owner = None
        with contextlib.suppress(OSError, DatasetError):  # only so that other processes see that the run is paused
            owner = self._store.folder(job.run_id).own()
        self._unopened[job.run_id] = _Unopened(job, opened, owner)
        self._pause(job.run_id, error, owner)

    def _settle_waiting(self, job: Job) -> None:
        """Ends a job that started no run, unless it was cancelled or its run was resumed by another job meanwhile."""
        with self._lock:
            if self._jobs[job.run_id].state not in ("waiting", "paused"):
                return
            self._jobs[job.run_id] = job
        if job.error:
            _log(job)

    def _loop(self) -> None:
        while True:
            self._give_out()
            paused = any(job.state == "paused" for job in self.active())
            left_s = max(0.0, self._retry_at - time.monotonic()) if paused else LOOK_S
            try:
                call = self._inbox.get(timeout=min(left_s, LOOK_S) if self._works or paused else None)
            except Empty:
                call = self._retry_paused if left_s < LOOK_S else self._cancel_where_asked
            try:
                call()
                self._cancel_where_asked()
            except Exception:  # an error must not end the runner's thread
                _LOG.exception("A step of an evaluation failed.")

    def _give_out(self) -> None:
        """Submits chunks of the runs in turn, as many as keep the workers busy."""
        room = CHUNKS_AHEAD * self._engine.size - sum(work.pending for work in self._works.values())
        while self._turns and room > 0:
            run_id = self._turns.popleft()
            if not (work := self._works.get(run_id)):  # left meanwhile, because the server shuts down
                continue
            with self._guarded(run_id):
                if work.submit_next(partial(self._settled, work)):
                    self._turns.append(run_id)
                    room -= 1

    def _settled(self, work: EvaluationWork, chunk: Chunk, future: Future[ChunkAnswers]) -> None:
        self._inbox.put(partial(self._settle, work, chunk, future))

    @contextlib.contextmanager
    def _guarded(self, run_id: str) -> Iterator[None]:
        """Makes an error end or pause only the job of this run."""
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and disk_is_full(error):
                self._pause(run_id, error, self._works[run_id].owner)
            elif was_closed(error):
                self._works.pop(run_id).leave()  # the server shuts down; the next one resumes the run
            else:
                self._stop(run_id, "failed", self._told(error, run_id))

    def _begin(self, job: Job, work: EvaluationWork) -> None:
        run_id = work.manifest.run_id
        if not self._jobs[job.run_id].active:  # cancelled meanwhile
            if run_id == job.run_id:
                self._update(run_id, progress=work.progress)
            self._end(work, "cancelled")
            return
        with self._lock:  # both changes under one lock, so that a reader of `found` also finds the job of that run
            if run_id != job.run_id:  # an interrupted run was resumed
                self._jobs[job.run_id] = replace(job, state="finished", found=run_id)
            self._jobs[run_id] = Job(run_id, job.dataset, work.manifest.model, "running", user=work.manifest.user)
        self._works[run_id] = work
        _LOG.info("Run %s begins: %s by %s.", run_id, work.manifest.dataset_name, work.manifest.model)
        with self._guarded(run_id):
            self._advance(run_id)

    def _settle(self, work: EvaluationWork, chunk: Chunk, future: Future[ChunkAnswers]) -> None:
        run_id = work.manifest.run_id
        if self._works.get(run_id) is not work:  # the run was stopped, and perhaps resumed since
            return
        with self._guarded(run_id):
            work.settle(chunk, future)
            self._advance(run_id)

    def _advance(self, run_id: str) -> None:
        """Called after rows were stored: queues the run for its next chunks, or measures it if it is complete."""
        work = self._works[run_id]
        self._update(run_id, progress=work.progress)
        if self._jobs[run_id].state != "running":
            return
        if work.complete:
            work.measure().add_done_callback(lambda _: self._inbox.put(partial(self._finish, run_id)))
        elif run_id not in self._turns:
            self._turns.append(run_id)

    def _finish(self, run_id: str) -> None:
        if run_id in self._works:
            with self._guarded(run_id):
                self._works[run_id].finish("finished")
                del self._works[run_id]
                self._update(run_id, state="finished")

    def _cancel(self, run_id: str) -> None:
        work = self._works.get(run_id)
        if self._jobs[run_id].active and not (work and work.complete):
            self._stop(run_id, "cancelled")

    def _cancel_where_asked(self) -> None:
        for run_id in (*self._works, *self._unopened):
            if self._store.folder(run_id).is_asked_to_stop():
                self._cancel(run_id)

    def _stop(self, run_id: str, state: Literal["cancelled", "failed"], error: DashboardError | None = None) -> None:
        if run_id in self._turns:
            self._turns.remove(run_id)
        if unopened := self._unopened.pop(run_id, None):
            unopened.release()
            self._cancel_unopened(run_id)
        update = partial(self._stopped, run_id, state, error)
        work = self._works.pop(run_id, None)
        if work is None:
            update()
            return
        self._end(work, state, error)
        if state == "cancelled" and work.progress.done:
            with contextlib.suppress(DashboardError):  # without stored metrics, the reader of the run computes them
                work.measure().add_done_callback(lambda _: self._inbox.put(update))
                return
        update()

    def _cancel_unopened(self, run_id: str) -> None:
        with contextlib.suppress(OSError, DashboardError):  # if it cannot be written, the run can be resumed later
            cancel_interrupted(self._store.folder(run_id))

    def _stopped(self, run_id: str, state: JobState, error: DashboardError | None) -> None:
        if run_id not in self._works:  # else another job has resumed the run since
            self._update(run_id, state=state, error=error, left=self._stored(run_id))

    def _stored(self, run_id: str) -> RunManifest | None:
        with contextlib.suppress(DatasetError):
            return self._store.folder(run_id).manifest()
        return None

    def _end(
        self, work: EvaluationWork, state: Literal["cancelled", "failed"], error: DashboardError | None = None
    ) -> None:
        with contextlib.suppress(OSError, DashboardError):  # if it cannot be written, the run can be resumed later
            work.finish(state, str(error or ""))
            if work.in_vain(error):
                self._store.discard(work.manifest.run_id)
        work.leave()

    def _pause(self, run_id: str, error: OSError, owner: RunOwner | None) -> None:
        if run_id in self._turns:
            self._turns.remove(run_id)
        self._retry_at = time.monotonic() + self._retry_s
        message = f"The results cannot be written to {self._store.root}: {error.strerror or error}."
        way_out = f"{how_to_write_again(error)}. The evaluation then resumes by itself."
        reason = DashboardError(message, way_out, "storage")
        self._update(run_id, state="paused", error=reason)
        if owner:
            owner.tell_paused(str(reason))

    def _retry_paused(self) -> None:
        self._retry_at = time.monotonic() + self._retry_s
        self._cancel_where_asked()  # before a run is opened again, which forgets the wish
        for run_id in list(self._unopened):
            unopened = self._unopened.pop(run_id)
            unopened.release()
            self._start_opening(unopened.job, unopened.opened)
        for job in self.active():
            if job.state == "paused" and job.run_id in self._works:  # else it was cancelled; its metrics are pending
                with self._guarded(job.run_id):
                    self._works[job.run_id].write()
                    self._works[job.run_id].owner.tell_paused("")
                    self._update(job.run_id, state="running", error=None)
                    self._advance(job.run_id)

    def _told(self, error: Exception, run_id: str = "") -> DashboardError:
        if isinstance(error, DashboardError):
            return error
        if isinstance(error, OSError):
            return storage_error(self._store.root, error, run_id)
        _LOG.error("An evaluation stopped.", exc_info=error)
        return DashboardError(f"The evaluation stopped: {type(error).__name__}: {error}.", "Please report this.")

    def _update(self, run_id: str, **changes: object) -> None:
        with self._lock:
            before = self._jobs[run_id]
            job = self._jobs[run_id] = replace(before, **changes)  # type: ignore[arg-type]
        if (job.state, str(job.error)) != (before.state, str(before.error)):  # each chunk finds the disk full again
            _log(job)


def _log(job: Job) -> None:
    level = logging.WARNING if job.error else logging.INFO
    _LOG.log(level, "Run %s is %s%s", job.run_id, job.state, f": {job.error}" if job.error else ".")
