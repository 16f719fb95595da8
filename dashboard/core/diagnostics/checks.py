"""What a diagnosis consists of: checks with a status and a fix, and the report that sums them up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

MIB = 2**20

Status = Literal["ok", "warning", "error", "skipped"]
Group = Literal["packages", "tensorflow", "models", "workers", "storage"]

TITLES: dict[Group, str] = {
    "packages": "Python and packages",
    "tensorflow": "TensorFlow",
    "models": "Models",
    "workers": "Workers",
    "storage": "Storage",
}
_COMMAND = re.compile(r"`((?:\S*pip3?|\S*python[\d.]*|git|grep|export) [^`]+)`")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    id: str  # stable, for programs: "package.numpy", "model.NAME@VERSION.file"
    group: Group
    status: Status
    summary: str  # stands alone, no full stop
    fix: str = ""  # what to do, with commands between backticks; "" when nothing is wrong
    details: tuple[tuple[str, str], ...] = ()  # name, value with unit

    @property
    def commands(self) -> tuple[str, ...]:
        """The shell commands in `fix`, to be run in the project's folder."""
        return tuple(_COMMAND.findall(self.fix))

    def detail(self, name: str) -> str:
        """The detail of that name, "" when there is none."""
        return dict(self.details).get(name, "")


@dataclass(frozen=True)
class Report:
    """All checks of one moment."""

    checks: tuple[Check, ...]
    created_utc: str  # ISO 8601
    predictions_off: str = ""  # why nothing can be predicted; "" when something can
    active_model: str = ""  # NAME@VERSION, "" when there is none

    @property
    def status(self) -> Literal["ok", "warning", "error"]:
        """The worst of the checks."""
        found = {check.status for check in self.checks}
        return "error" if "error" in found else "warning" if "warning" in found else "ok"

    @property
    def headline(self) -> str:
        """One line: does it work, and if not, why."""
        if self.predictions_off:
            return f"Predictions are off: {without_full_stop(self.predictions_off)}"
        if errors := [check for check in self.checks if check.status == "error"]:
            first = errors[0].summary.partition("; ")[0]  # the rest stands with the check
            return f"{_counted(len(errors), 'error')}{', the first' if len(errors) > 1 else ''}: {first}"
        if warnings := sum(check.status == "warning" for check in self.checks):
            return f"Works, with {_counted(warnings, 'warning')}"
        return "Everything works"

    def check(self, check_id: str) -> Check | None:
        """The check of that id."""
        return next((check for check in self.checks if check.id == check_id), None)

    def of(self, group: Group, *statuses: Status) -> tuple[Check, ...]:
        """The checks of a group, those of the given statuses only if any are given."""
        return tuple(c for c in self.checks if c.group == group and (not statuses or c.status in statuses))


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def without_full_stop(text: str) -> str:
    """`text` as it stands in a summary."""
    return text.strip().removesuffix(".")


def report_as_text(report: Report) -> str:
    """The report for people, to be read in a terminal or pasted into a message."""
    lines = [report.headline, f"Checked {report.created_utc}"]
    for group, title in TITLES.items():
        if checks := report.of(group):
            lines += ["", title]
            lines += [line for check in checks for line in _as_lines(check)]
    return "\n".join(lines) + "\n"


def _as_lines(check: Check) -> Iterable[str]:
    indent = " " * 11
    yield f"  {check.status:<8} {check.summary}"
    if check.fix:
        yield f"{indent}Fix: {check.fix}"
    if check.details:
        yield indent + "; ".join(f"{name}: {value}" for name, value in check.details)
