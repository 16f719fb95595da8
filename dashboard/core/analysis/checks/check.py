"""A check: what a run has to fulfil, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboard.core.errors import DatasetError

Operator = Literal[">=", "<=", ">", "<", "=="]
Part = Literal["value", "low", "high"]  # of a figure with its 95% interval


@dataclass(frozen=True)
class Comparison:
    """A figure of the run must lie on one side of a limit."""

    metric: str
    of_class: str | None  # for recall, precision and f1
    part: Part
    operator: Operator
    limit: float
    percent: bool  # the limit was given in percent; it is a share already


@dataclass(frozen=True)
class NoFinding:
    """The run must not have findings of one rule."""

    id: str


@dataclass(frozen=True)
class NotWorse:
    """The run must not be significantly less accurate than another one."""

    run_id: str


@dataclass(frozen=True)
class Check:
    """One line of a checks file."""

    text: str
    line: int  # of the file, from 1
    demand: Comparison | NoFinding | NotWorse
    where: tuple[str, ...] = ()  # conditions as text: only these images count
    subset: str = ""  # a filter that is saved under this name, in the file or with the run

    @property
    def title(self) -> str:
        """The check with its filter, in one line."""
        where = [*([f"subset {self.subset}"] if self.subset else []), *self.where]
        return f"{self.text} where {' and '.join(where)}" if where else self.text


@dataclass(frozen=True)
class ChecksFile:
    """A file of checks."""

    name: str
    checks: tuple[Check, ...]
    subsets: dict[str, tuple[str, ...]]  # by name: conditions as text


@dataclass(frozen=True)
class Outcome:
    """What came of one check."""

    check: Check
    passed: bool
    message: str  # one sentence with the figures
    value: float | None = None  # None if it is not defined
    low: float | None = None  # 95% interval; None for counts
    high: float | None = None
    n: int | None = None  # images


def wrong_line(name: str, line: int, message: str, fix: str) -> DatasetError:
    """The error for a line of a checks file that cannot be used."""
    return DatasetError(f"{name}, line {line}: {message}", fix, "checks")
