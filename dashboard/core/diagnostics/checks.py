"""A check with its status and fix, and the report, which holds all checks of one diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dashboard.core.errors import commands_in, counted

MIB = 2**20

Status = Literal["ok", "warning", "error", "skipped", "checking"]  # "checking": it is not made yet


@dataclass(frozen=True)
class Check:
    """The outcome of one check."""

    id: str  # stable, for programs: "package.numpy", "model.NAME@VERSION.file"
    group: str  # id of a row of `groups.GROUPS`
    status: Status
    summary: str  # one sentence without its full stop
    fix: str = ""  # what to do, with commands between backticks; "" when nothing is wrong
    details: tuple[tuple[str, str], ...] = ()  # name, value with unit
    checked_utc: str = ""  # ISO 8601; "" for one that is not made yet, or describes this moment

    @property
    def commands(self) -> tuple[str, ...]:
        """The shell commands in `fix`, to be run in the folder of the project."""
        return commands_in(self.fix)

    def detail(self, name: str) -> str:
        """The detail with this name; "" if there is none."""
        return dict(self.details).get(name, "")


@dataclass(frozen=True)
class Report:
    """All checks of one diagnosis; those that are not made yet have the status "checking"."""

    checks: tuple[Check, ...]
    created_utc: str  # ISO 8601
    off: str = ""  # what is off and why: "pets@1 is off: model.keras is missing"; "" when the active model predicts
    active_model: str = ""  # NAME@VERSION, "" when there is none

    @property
    def status(self) -> Literal["ok", "warning", "error"]:
        """The status of the worst check that is made."""
        found = {check.status for check in self.checks}
        return "error" if "error" in found else "warning" if "warning" in found else "ok"

    @property
    def headline(self) -> str:
        """One line: does it work, and if not, why."""
        if self.off:
            return without_full_stop(self.off)
        if errors := [check for check in self.checks if check.status == "error"]:
            first = errors[0].summary.partition("; ")[0]  # only the first sentence; the check shows the rest
            return f"{counted(len(errors), 'error')}{', the first' if len(errors) > 1 else ''}: {first}"
        if to_come := sum(check.status == "checking" for check in self.checks):
            return f"Checking, {counted(to_come, 'check')} to come"
        if warnings := sum(check.status == "warning" for check in self.checks):
            return f"Works, with {counted(warnings, 'warning')}"
        return "Everything works"

    @property
    def checking(self) -> bool:
        """True while some checks are not made yet."""
        return any(check.status == "checking" for check in self.checks)

    def with_group(self, group: str, checks: Sequence[Check]) -> Report:
        """The report with other checks of a group, in the same place."""
        first = next((i for i, check in enumerate(self.checks) if check.group == group), len(self.checks))
        others = [check for check in self.checks if check.group != group]
        return replace(self, checks=(*others[:first], *checks, *others[first:]))

    def check(self, check_id: str) -> Check | None:
        """The check with this id."""
        return next((check for check in self.checks if check.id == check_id), None)

    def of(self, group: str, *statuses: Status) -> tuple[Check, ...]:
        """The checks of a group; with statuses given, only the checks with one of them."""
        return tuple(c for c in self.checks if c.group == group and (not statuses or c.status in statuses))


def without_full_stop(text: str) -> str:
    """`text` without the full stop at its end."""
    return text.strip().removesuffix(".")
