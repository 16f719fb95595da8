"""Evaluations under way: one process-wide runner, so that they outlive page reruns, navigation and reloads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from dashboard.core.engine import Engine
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation import Progress, evaluate, new_run_id
from dashboard.core.registry import ModelVersion
from dashboard.core.runs import RunStore

JobState = Literal["waiting", "running", "finished", "cancelled", "failed"]


@dataclass(frozen=True)
class Job:
    """A snapshot of one evaluation under way."""

    run_id: str  # of the run that it writes
    dataset: Path
    model: str  # NAME@VERSION
    state: JobState = "waiting"
    progress: Progress | None = None
    error: DashboardError | None = None
    label_map: Mapping[str, str] = field(default_factory=dict)  # see `match_labels`

    @property
    def active(self) -> bool:
        """It waits or runs."""
        return self.state in ("waiting", "running")


class JobRunner:
    """Does one evaluation after the other on a thread of its own. Thread-safe."""

    def __init__(self, engine: Engine, store: RunStore, chunk_size: int = 128, chunk_s: float = 120.0) -> None:
        self._engine, self._store, self._chunk_size, self._chunk_s = engine, store, chunk_size, chunk_s
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._cancelled: dict[str, threading.Event] = {}
        self._queue: deque[tuple[str, ModelVersion]] = deque()
        threading.Thread(target=self._loop, name="jobs", daemon=True).start()

    def start(self, dataset: Path, version: ModelVersion, label_map: Mapping[str, str] | None = None) -> Job:
        """Queues an evaluation; the label map is as `match_labels` takes it."""
        with self._changed:
            job = Job(new_run_id(), dataset, version.ref, label_map=label_map or {})
            self._jobs[job.run_id] = job
            self._cancelled[job.run_id] = threading.Event()
            self._queue.append((job.run_id, version))
            self._changed.notify()
        return job

    def get(self, run_id: str) -> Job | None:
        """The job as it is now."""
        return self._jobs.get(run_id)

    def active(self) -> list[Job]:
        """Jobs that wait or run, oldest first."""
        with self._changed:
            return [job for job in self._jobs.values() if job.active]

    def cancel(self, run_id: str) -> None:
        """Stops a job; what is done is kept."""
        with self._changed:
            self._cancelled[run_id].set()
            if self._jobs[run_id].state == "waiting":
                self._jobs[run_id] = replace(self._jobs[run_id], state="cancelled")

    def _loop(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.wait()
                run_id, version = self._queue.popleft()
            self._run(run_id, version)

    def _run(self, run_id: str, version: ModelVersion) -> None:
        with self._changed:
            if self._jobs[run_id].state == "cancelled":
                return
            self._jobs[run_id] = replace(self._jobs[run_id], state="running")
        try:
            manifest = evaluate(
                self._jobs[run_id].dataset,
                version,
                self._engine,
                self._store,
                self._chunk_size,
                self._chunk_s,
                run_id,
                on_progress=lambda p: self._update(run_id, progress=p),
                cancelled=self._cancelled[run_id],
                label_map=self._jobs[run_id].label_map,
            )
            self._update(run_id, state=manifest.state)
        except DashboardError as error:
            self._update(run_id, state="failed", error=error)
        except Exception as error:  # the runner must outlive any job
            fault = DashboardError(f"The evaluation stopped: {type(error).__name__}: {error}.", "Please report this.")
            self._update(run_id, state="failed", error=fault)

    def _update(self, run_id: str, **changes: object) -> None:
        with self._changed:
            self._jobs[run_id] = replace(self._jobs[run_id], **changes)  # type: ignore[arg-type]
