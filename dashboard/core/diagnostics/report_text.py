"""The report of a diagnosis as text."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.core.diagnostics.checks import Check, Report
from dashboard.core.diagnostics.groups import GROUPS
from dashboard.core.shell import as_called


def report_as_text(report: Report) -> str:
    """The report for people, to be read in a terminal or pasted into a message."""
    lines = [report.headline, f"Checked {report.created_utc}"]
    for group in GROUPS:
        if checks := report.of(group.id):
            lines += ["", group.title]
            lines += [line for check in checks for line in _as_lines(check)]
    return as_called("\n".join(lines)) + "\n"


def _as_lines(check: Check) -> Iterable[str]:
    indent = " " * 11
    yield f"  {check.status:<8} {check.summary}"
    if check.fix:
        yield f"{indent}Fix: {check.fix}"
    if check.details:
        yield indent + "; ".join(f"{name}: {value}" for name, value in check.details)
