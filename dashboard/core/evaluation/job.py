"""What is known of one request to evaluate, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.work import Progress

JobState = Literal["waiting", "running", "paused", "finished", "cancelled", "failed"]


@dataclass(frozen=True)
class Job:
    """A snapshot of one request to evaluate."""

    run_id: str  # run_id of the new run, or of the run that is taken up
    dataset: Path
    model: str  # NAME@VERSION
    state: JobState = "waiting"
    progress: Progress | None = None
    error: DashboardError | None = None  # why it failed, or why it is paused
    found: str = ""  # run_id of another run, finished or under way, whose result is used instead; "" if none
    finished_before: bool = False  # True if `found` was finished already

    @property
    def active(self) -> bool:
        """True if the job waits, runs or is paused."""
        return self.state in ("waiting", "running", "paused")
