"""JSON of a diagnostics report."""

from __future__ import annotations

from pydantic import Field

from dashboard.core.diagnostics.checks import Report
from dashboard.schemas.schema import Schema, Sentence


class CheckRecord(Schema):
    """The result of one check."""

    id: str = Field(description="stable name, such as package.numpy")
    status: str = Field(description="ok, warning, error or skipped")
    summary: Sentence
    fix: Sentence = Field(description="what to do, with commands in backticks; may be empty")


class ReportRecord(Schema):
    """A diagnostics report."""

    status: str = Field(description="the worst of the checks: ok, warning or error")
    checks: list[CheckRecord]

    @classmethod
    def of(cls, report: Report) -> ReportRecord:
        """The record of a report."""
        checks = [CheckRecord(id=c.id, status=c.status, summary=c.summary, fix=c.fix) for c in report.checks]
        return cls(status=report.status, checks=checks)
