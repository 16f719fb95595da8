"""What a reader should look at first."""

from __future__ import annotations

from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from dashboard.reports.document import Item, Section


def findings_of(run: Run, store: RunStore) -> tuple[Item, ...]:
    """The findings about a run, the most costly first."""
    return ()


def findings_section(run: Run, store: RunStore) -> Section | None:
    """The findings about a run; None if there are none."""
    items = findings_of(run, store)
    return Section("findings", "Findings", items=items) if items else None
