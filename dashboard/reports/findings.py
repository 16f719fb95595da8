"""What a reader should look at first."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.core.analysis.findings.find import besides, nothing_found
from dashboard.core.analysis.findings.finding import Finding
from dashboard.core.errors import counted
from dashboard.core.runs.filters import in_words, parse_filter
from dashboard.core.runs.run import Run
from dashboard.reports.document import Item, Section

_LONGEST = 200  # characters of a condition; one that names many images says nothing to a reader


def findings_section(run: Run, findings: Sequence[Finding] | None, doubtful: int | None) -> Section:
    """The findings about a run, or why there are none.

    Args:
        findings: None if they could not be made.
        doubtful: the number of doubtful labels, which the report lists below; None if they were not looked for.
    """
    items = tuple(_item(finding) for finding in findings or ())
    text: tuple[str, ...] = ()
    if not items:
        text = (nothing_found(run, doubtful, "below" if doubtful else "in the view Labels"),)
    elif beside := besides(findings or (), run, doubtful, "below"):
        text = (beside,)
    if findings is None:
        text = ("The findings could not be made. The figures below do not depend on them.",)
    return Section("findings", "Findings", text, items=items)


def _item(finding: Finding) -> Item:
    lines = [finding.next_step]
    if finding.where and not any(len(condition) > _LONGEST for condition in finding.where):
        lines.append(f"{counted(len(finding.rows), 'image')}: {in_words(parse_filter(finding.where))}")
    return Item(finding.statement, tuple(filter(None, lines)))
