"""JSON of the comparison of evaluations."""

from __future__ import annotations

import math
from dataclasses import asdict

from pydantic import Field

from dashboard.core.analysis.comparison import Comparison, Side
from dashboard.core.analysis.comparison_words import verdict
from dashboard.core.analysis.leaderboard import Leaderboard
from dashboard.core.images.preprocessing import Fit
from dashboard.core.runs.filters import as_texts
from dashboard.schemas.models import ModelName
from dashboard.schemas.runs import FIT_OF_RUN, STATE
from dashboard.schemas.schema import Schema
from dashboard.schemas.scores import ScoreRecord


class SideRecord(Schema):
    """One of two compared evaluations."""

    run_id: str
    state: str = Field(description=STATE)
    model: ModelName
    fit: Fit | None = Field(description=FIT_OF_RUN)
    dataset: str = Field(description="path on the server")
    where: list[str] = Field(description="the conditions of its filter")
    n: int = Field(description="number of compared images")
    seconds: float = Field(description="time spent on the whole evaluation")
    images_per_second: float | None = Field(
        description="of the whole evaluation; null if it is not finished, is imported, or took less than 30 seconds"
    )

    @classmethod
    def of(cls, side: Side) -> SideRecord:
        """The record of one side."""
        return cls(
            run_id=side.manifest.run_id,
            state=side.state,
            model=ModelName.parse(side.manifest.model),
            fit=side.manifest.fit,
            dataset=side.manifest.dataset,
            where=as_texts(side.conditions),
            n=side.n,
            seconds=side.manifest.seconds,
            images_per_second=side.images_per_second,
        )


class AgreementRecord(Schema):
    """How often two evaluations predict the same class."""

    same_class: ScoreRecord
    cohen_kappa: float | None = Field(description="between the two predictions; null if it is not defined")


class ComparisonRecord(Schema):
    """The comparison of two evaluations over the same images, or of one evaluation under two filters.

    What needs the same images on both sides is null for one evaluation under two filters.
    """

    n: int = Field(description="number of compared images")
    a: dict[str, ScoreRecord] = Field(description="metrics by name")
    b: dict[str, ScoreRecord] = Field(description="metrics by name")
    difference: dict[str, ScoreRecord] = Field(description="b minus a, by name of the metric")
    mcnemar_p: float | None = Field(description="exact, two-sided McNemar test of the accuracies")
    both_right: int | None
    only_a_right: int | None
    only_b_right: int | None
    both_wrong: int | None
    agreement: AgreementRecord | None
    verdict: str = Field(description="the result in one sentence")
    notes: list[str] = Field(description="which images are compared, and what else differs, in sentences")
    run_a: SideRecord
    run_b: SideRecord

    @classmethod
    def of(cls, comparison: Comparison) -> ComparisonRecord:
        """The record of a comparison."""
        outcomes = comparison.outcomes
        agreement = outcomes and AgreementRecord(
            same_class=ScoreRecord(**asdict(outcomes.same_class)),
            cohen_kappa=None if math.isnan(outcomes.kappa) else outcomes.kappa,
        )
        return cls(
            n=comparison.n,
            a=ScoreRecord.of_each(comparison.a.scores),
            b=ScoreRecord.of_each(comparison.b.scores),
            difference=ScoreRecord.of_each(comparison.differences),
            mcnemar_p=outcomes and outcomes.mcnemar_p,
            both_right=outcomes and outcomes.both_right,
            only_a_right=outcomes and outcomes.only_a_right,
            only_b_right=outcomes and outcomes.only_b_right,
            both_wrong=outcomes and outcomes.both_wrong,
            agreement=agreement,
            verdict=verdict(comparison),
            notes=list(comparison.notes),
            run_a=SideRecord.of(comparison.a),
            run_b=SideRecord.of(comparison.b),
        )


class RankedRecord(Schema):
    """One evaluation of a leaderboard."""

    run_id: str
    model: ModelName
    fit: Fit | None = Field(description=FIT_OF_RUN)
    metrics: dict[str, ScoreRecord] = Field(description="by name")
    difference: ScoreRecord | None = Field(description="of the metric, this one minus the best; null for the best")
    mcnemar_p: float | None = Field(description="against the best, corrected by Holm; null unless accuracy ranks")
    may_be_best: bool = Field(description="cannot be told apart from the best")


class LeaderboardRecord(Schema):
    """Several evaluations over the same images, the best first."""

    metric: str = Field(description="name of the metric that ranks")
    n: int = Field(description="number of images")
    ranked: list[RankedRecord]
    notes: list[str] = Field(description="which images are compared, in sentences")

    @classmethod
    def of(cls, board: Leaderboard) -> LeaderboardRecord:
        """The record of a leaderboard."""
        ranked = [
            RankedRecord(
                run_id=each.manifest.run_id,
                model=ModelName.parse(each.manifest.model),
                fit=each.manifest.fit,
                metrics=ScoreRecord.of_each(each.scores),
                difference=each.difference and ScoreRecord.of(each.difference),
                mcnemar_p=each.p,
                may_be_best=each.may_be_best,
            )
            for each in board.ranked
        ]
        return cls(metric=board.metric, n=board.n, ranked=ranked, notes=list(board.notes))
