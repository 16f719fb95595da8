"""What a reader should look at first."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.core.analysis.findings.find import find_of
from dashboard.core.analysis.findings.finding import Finding
from dashboard.core.errors import counted
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from dashboard.reports.document import Item, Section


def findings_of(run: Run, store: RunStore) -> Sequence[Finding]:
    """The findings about a run, the most costly first. Raises DatasetError if its rows cannot be read."""
    return find_of(run, store.folder(run.manifest.run_id))


def findings_section(run: Run, store: RunStore) -> Section:
    """The findings about a run, or that there are none."""
    items = tuple(_item(finding) for finding in findings_of(run, store))
    text = () if items else ("Nothing stands out that chance could not explain.",)
    return Section("findings", "Findings", text, items=items)


def _item(finding: Finding) -> Item:
    lines = [finding.next_step]
    if finding.where:
        lines.append(f"{counted(len(finding.rows), 'image')}: {' and '.join(finding.where)}")
    return Item(finding.statement, tuple(filter(None, lines)))
