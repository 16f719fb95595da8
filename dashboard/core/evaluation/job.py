"""The state of one job at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dashboard.core.clock import utc_now
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.work import Progress
from dashboard.core.files import readable_name
from dashboard.core.runs.manifest import RunManifest

JobState = Literal["waiting", "running", "paused", "finished", "cancelled", "failed"]


@dataclass(frozen=True)
class Job:
    """A snapshot of one job."""

    run_id: str  # of the new run, or of the run that the job resumes
    dataset: Path
    model: str  # NAME@VERSION
    state: JobState = "waiting"
    progress: Progress | None = None
    error: DashboardError | None = None  # why the job failed or is paused
    found: str = ""  # run_id of another run, finished or under way, whose result is used instead; "" if none
    user: str = ""  # whose evaluation it is, as in `RunManifest`
    left: RunManifest | None = None  # what the store said of the run when the job failed; None if nothing
    finished_before: bool = False  # True if the run `found` was finished before this job
    created_utc: str = field(default_factory=utc_now)  # ISO 8601

    @property
    def dataset_name(self) -> str:
        """The name of the dataset, as users know it."""
        return readable_name(self.dataset.name).removesuffix(".dataset.json")

    @property
    def remaining_s(self) -> float | None:
        """As `Progress.remaining_s`; None while the job is paused, since nobody knows for how long."""
        return self.progress.remaining_s if self.progress and self.state != "paused" else None

    @property
    def active(self) -> bool:
        """True while the job waits, runs or is paused."""
        return self.state in ("waiting", "running", "paused")
