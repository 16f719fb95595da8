"""JSON of what stands out in a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field

from dashboard.core.runs.run import Run
from dashboard.schemas.schema import Schema, Sentence

if TYPE_CHECKING:
    from dashboard.core.analysis.findings.finding import Finding


class FindingRecord(Schema):
    """Something about a run that is worth a look."""

    id: str = Field(description="of the rule, such as confused_pair")
    statement: Sentence = Field(description="one sentence with the figures")
    n: int = Field(description="number of images that the figure is about")
    value: float = Field(description="the main figure of the statement")
    low: float = Field(description="lower end of its 95% interval")
    high: float = Field(description="upper end of its 95% interval")
    cost: float = Field(description="estimated number of images that are wrong, lost or misleading because of it")
    rows: list[str] = Field(description="the files of the images")
    where: list[str] = Field(description="conditions that let exactly these images pass; empty if there are none")
    next: Sentence = Field(description="what to do, in one sentence")

    @classmethod
    def of_each(cls, findings: Sequence[Finding], run: Run) -> list[FindingRecord]:
        """The records of findings in a run. Raises DatasetError if its rows cannot be read."""
        return [cls._of(finding, run) for finding in findings]

    @classmethod
    def _of(cls, finding: Finding, run: Run) -> FindingRecord:
        rows = pd.DataFrame(index=pd.Index(finding.rows))
        return cls(
            id=finding.id,
            statement=finding.statement,
            n=finding.n,
            value=finding.value,
            low=finding.low,
            high=finding.high,
            cost=finding.cost,
            rows=run.detail(rows, ["file"])["file"].to_list(),
            where=list(finding.where),
            next=finding.next_step,
        )
