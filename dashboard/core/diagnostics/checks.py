"""A check with its status and fix, and the report of a diagnosis that holds all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboard.core.errors import commands_in

MIB = 2**20

Status = Literal["ok", "warning", "error", "skipped"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    id: str  # stable, for programs: "package.numpy", "model.NAME@VERSION.file"
    group: str  # id of a row of `groups.GROUPS`
    status: Status
    summary: str  # stands alone, no full stop
    fix: str = ""  # what to do, with commands between backticks; "" when nothing is wrong
    details: tuple[tuple[str, str], ...] = ()  # name, value with unit

    @property
    def commands(self) -> tuple[str, ...]:
        """The shell commands in `fix`, to be run in the project's folder."""
        return commands_in(self.fix)

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

    def of(self, group: str, *statuses: Status) -> tuple[Check, ...]:
        """The checks of a group, those of the given statuses only if any are given."""
        return tuple(c for c in self.checks if c.group == group and (not statuses or c.status in statuses))


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def without_full_stop(text: str) -> str:
    """`text` as it stands in a summary."""
    return text.strip().removesuffix(".")
