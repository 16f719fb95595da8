"""JSON of labels that may be wrong."""

from __future__ import annotations

import pandas as pd
from pydantic import Field

from dashboard.schemas.schema import Schema


class LabelIssueRecord(Schema):
    """An image whose label may be wrong."""

    index: int = Field(description="position in the dataset")
    file: str
    label: str
    suggested_label: str = Field(description="the predicted class")
    confidence: float = Field(description="probability of the suggested label, in [0, 1]")
    score: float = Field(description="probability of the label, in [0, 1]; the list begins with the lowest")

    @classmethod
    def of_each(cls, issues: pd.DataFrame) -> list[LabelIssueRecord]:
        """The records of a table that `label_issues` made."""
        return [cls(**row) for row in issues[list(cls.model_fields)].to_dict("records")]
