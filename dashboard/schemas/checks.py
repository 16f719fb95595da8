"""JSON of checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from dashboard.core.runs.run import Run
from dashboard.schemas.runs import RunRecord
from dashboard.schemas.schema import Schema

if TYPE_CHECKING:
    from dashboard.core.analysis.checks.check import Outcome


class CheckRecord(Schema):
    """What came of one check."""

    check: str
    line: int = Field(description="of the checks file, from 1")
    subset: str = Field(description="name of the filter; may be empty")
    where: list[str] = Field(description="further conditions: only images for which they hold count")
    passed: bool
    message: str = Field(description="one sentence with the figures")
    value: float | None = Field(description="null if it is not defined for these images")
    low: float | None = Field(description="lower end of the 95% interval; null for counts")
    high: float | None = Field(description="upper end of the 95% interval; null for counts")
    n: int | None = Field(description="number of images")

    @classmethod
    def of_each(cls, outcomes: Sequence[Outcome]) -> list[CheckRecord]:
        """The records of outcomes."""
        return [
            cls(
                check=outcome.check.text,
                line=outcome.check.line,
                subset=outcome.check.subset,
                where=list(outcome.check.where),
                passed=outcome.passed,
                message=outcome.message,
                value=outcome.value,
                low=outcome.low,
                high=outcome.high,
                n=outcome.n,
            )
            for outcome in outcomes
        ]


class ChecksRecord(Schema):
    """A run against a file of checks."""

    run_id: str
    passed: bool = Field(description="every check passed")
    checks: list[CheckRecord]

    @classmethod
    def of(cls, run_id: str, outcomes: Sequence[Outcome]) -> ChecksRecord:
        """The record of all outcomes."""
        passed = all(outcome.passed for outcome in outcomes)
        return cls(run_id=run_id, passed=passed, checks=CheckRecord.of_each(outcomes))


class CheckedRunRecord(RunRecord):
    """The report of a run with the outcomes of checks."""

    checks: list[CheckRecord]

    @classmethod
    def with_checks(cls, run: Run, outcomes: Sequence[Outcome]) -> CheckedRunRecord:
        """The report of a run. Raises DatasetError when its rows cannot be read."""
        return cls(**dict(RunRecord.of(run)), checks=CheckRecord.of_each(outcomes))
