"""JSON of metrics with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import Field

from dashboard.core.metrics.intervals import Proportion
from dashboard.core.metrics.scores import Score
from dashboard.schemas.schema import Schema


class ScoreRecord(Schema):
    """A metric, or a difference of metrics, with its 95% interval.

    The three are null if the metric needs several labels and all images have the same. `low` and `high` are also null if there
    is no interval, such as that of the AURC without any mistake, or of most differences if the answers to fewer than ten
    images differ.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int = Field(description="number of images")

    @classmethod
    def of(cls, score: Score | Proportion) -> ScoreRecord:
        """The record of a score."""
        value, low, high = (None if math.isnan(each) else each for each in (score.value, score.low, score.high))
        return cls(value=value, low=low, high=high, n=score.n)

    @classmethod
    def of_each(cls, scores: Mapping[str, Score]) -> dict[str, ScoreRecord]:
        """The records of scores, by name."""
        return {name: cls.of(score) for name, score in scores.items()}
