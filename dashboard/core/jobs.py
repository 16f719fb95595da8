"""Evaluations under way: one process-wide runner, so that they outlive page reruns, navigation and reloads."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dashboard.core.engine import Engine
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation import Progress, evaluate
from dashboard.core.registry import ModelVersion
from dashboard.core.runs import RunManifest, RunStore

JobState = Literal["waiting", "running", "finished", "cancelled", "failed"]


@dataclass(frozen=True)
class Job:
    """A snapshot of one evaluation under way."""

    job_id: int
    dataset: Path
    model: str  # NAME@VERSION
    state: JobState = "waiting"
    run_id: str = ""  # "" until it has started
    progress: Progress | None = None
    error: DashboardError | None = None

    @property
    def active(self) -> bool:
        return self.state in ("waiting", "running")


class JobRunner:
    """Does one evaluation after the other on a thread of its own. Thread-safe."""

    def __init__(self, engine: Engine, store: RunStore, chunk_size: int = 128) -> None:
        self._engine, self._store, self._chunk_size = engine, store, chunk_size
        self._changed = threading.Condition()
        self._jobs: dict[int, Job] = {}
        self._cancelled: dict[int, threading.Event] = {}
        self._queue: deque[tuple[int, ModelVersion]] = deque()
        threading.Thread(target=self._loop, name="jobs", daemon=True).start()

    def start(self, dataset: Path, version: ModelVersion) -> Job:
        """Queues an evaluation."""
        with self._changed:
            job = Job(len(self._jobs), dataset, version.ref)
            self._jobs[job.job_id] = job
            self._cancelled[job.job_id] = threading.Event()
            self._queue.append((job.job_id, version))
            self._changed.notify()
        return job

    def get(self, job_id: int) -> Job | None:
        """The job as it is now."""
        return self._jobs.get(job_id)

    def active(self) -> list[Job]:
        """Jobs that wait or run, oldest first."""
        with self._changed:
            return [job for job in self._jobs.values() if job.active]

    def cancel(self, job_id: int) -> None:
        """Stops a job; what is done is kept."""
        self._cancelled[job_id].set()

    def _loop(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.wait()
                job_id, version = self._queue.popleft()
            self._run(job_id, version)

    def _run(self, job_id: int, version: ModelVersion) -> None:
        def started(manifest: RunManifest) -> None:
            self._update(job_id, state="running", run_id=manifest.run_id, progress=Progress(0, manifest.n_images, 0, 0.0))

        if self._cancelled[job_id].is_set():
            self._update(job_id, state="cancelled")
            return
        self._update(job_id, state="running")
        try:
            manifest = evaluate(
                self._jobs[job_id].dataset, version, self._engine, self._store, self._chunk_size,
                on_start=started, on_progress=lambda p: self._update(job_id, progress=p), cancelled=self._cancelled[job_id],
            )  # fmt: skip
            self._update(job_id, state=manifest.state)
        except DashboardError as error:
            self._update(job_id, state="failed", error=error)
        except Exception as error:  # the runner must outlive any job
            fault = DashboardError(f"The evaluation stopped: {type(error).__name__}: {error}.", "Please report this.")
            self._update(job_id, state="failed", error=fault)

    def _update(self, job_id: int, **changes: object) -> None:
        with self._changed:
            self._jobs[job_id] = replace(self._jobs[job_id], **changes)  # type: ignore[arg-type]
