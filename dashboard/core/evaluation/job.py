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

    run_id: str  # of the new run that it begins, or of the run that it goes on with
    dataset: Path
    model: str  # NAME@VERSION
    state: JobState = "waiting"
    progress: Progress | None = None
    error: DashboardError | None = None  # why it failed, or what it waits for when paused
    found: str = ""  # run_id of another run, finished or under way, whose result is used instead; "" if none
    finished_before: bool = False  # `found` was finished already

    @property
    def active(self) -> bool:
        """It waits, runs or is paused."""
        return self.state in ("waiting", "running", "paused")
