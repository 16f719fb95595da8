"""How a run does beside another run of the same images."""

from __future__ import annotations

from dashboard.core.runs.run import Run
from dashboard.reports.document import Section


def comparison_section(run: Run, other: Run) -> Section:
    """The differences of all metrics, and what each of the two runs gets right that the other gets wrong."""
    raise NotImplementedError
