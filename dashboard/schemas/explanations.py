"""JSON of an explained image: the prediction and the map of each method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from dashboard.core.explanations.answer import Answer
from dashboard.core.explanations.records import Explanation, Faithfulness, MapScores
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.schemas.predictions import PredictionRecord, prediction_fields
from dashboard.schemas.schema import Schema

DECIMALS = 4  # in the values of a heatmap


class ScoresRecord(Schema):
    """How the probability of the class changes when pixels are removed or added in the order of a map."""

    score: float = Field(description="insertion_auc minus deletion_auc, in [-1, 1]; high is good")
    insertion_auc: float = Field(description="area under `insertion`, in [0, 1]; high is good")
    deletion_auc: float = Field(description="area under `deletion`, in [0, 1]; low is good")
    average_drop: float = Field(
        description="part of the probability that is lost when only the marked part is shown, in [0, 1]"
    )
    insertion: list[float] = Field(description="probability with each share of the pixels added to the blurred image")
    deletion: list[float] = Field(description="probability with each share of the pixels removed")

    @classmethod
    def of(cls, scores: MapScores) -> ScoresRecord:
        """The record of a map's scores."""
        return cls(**_score_fields(scores))


class RandomScoresRecord(ScoresRecord):
    """The mean over several random maps."""

    scores: list[float] = Field(description="the score of each random map")
    limit: float = Field(
        description="95% of random maps score below this, estimated from `scores`; a map must score above it"
    )


class FaithfulnessRecord(Schema):
    """The faithfulness test of a map for this image."""

    verdict: str = Field(description="better, mixed, unsure, chance, unmoved or empty")
    sentence: str = Field(description="the verdict in words")
    shares: list[float] = Field(description="shares of the pixels, from 0 to 1, at which the curves are measured")
    map: ScoresRecord
    random: RandomScoresRecord
    gaussian: ScoresRecord = Field(description="scores of a map that is a plain spot in the picture's centre")

    @classmethod
    def of(cls, found: Faithfulness) -> FaithfulnessRecord:
        """The record of a faithfulness test."""
        return cls(
            verdict=found.verdict,
            sentence=found.sentence,
            shares=found.shares.tolist(),
            map=ScoresRecord.of(found.map),
            random=RandomScoresRecord(
                **_score_fields(found.random), scores=found.random_scores.tolist(), limit=found.random_limit
            ),
            gaussian=ScoresRecord.of(found.gaussian),
        )


class HeatmapRecord(Schema):
    """The values of a heatmap, in [0, 1]."""

    min: float
    max: float
    mean: float
    values: list[list[float]] | None = Field(description="row by row; null if not requested")


class ExplanationRecord(Schema):
    """The heatmap of one method."""

    method: str
    layer: str | None = Field(description="null for a method that uses no layer")
    unseen_branches: list[str] = Field(
        description="the last layers of the branches of the network that the map shows nothing of; choose one as `layer`"
    )
    layer_is_reused: bool = Field(
        description="true if the model uses the layer several times; then the map shows its last use only"
    )
    grid: list[int] = Field(description="height and width of the heatmap, in cells")
    target_label: str = Field(description="the class whose evidence the map shows")
    empty: bool = Field(description="true if there is no evidence for the class: the map is all zero")
    heatmap: HeatmapRecord
    faithfulness: FaithfulnessRecord | None = Field(description="null if not requested")
    cached: bool = Field(description="true if it was made before, for the same image, model version and request")
    overlay: str | None = Field(description="the PNG file that was written")
    array: str | None = Field(description="the .npy file that was written")

    @classmethod
    def of(
        cls,
        version: ModelVersion,
        explanation: Explanation,
        overlay: str | None = None,
        array: str | None = None,
        with_values: bool = False,
    ) -> ExplanationRecord:
        """The record of an explanation, with the files that it was written to."""
        heatmap = explanation.heatmap
        values = np.round(heatmap.astype(float), DECIMALS).tolist() if with_values else None
        return cls(
            method=explanation.method,
            layer=explanation.layer_name,
            unseen_branches=list(explanation.layer.unseen) if explanation.layer else [],
            layer_is_reused=bool(explanation.layer and explanation.layer.is_reused),
            grid=list(heatmap.shape),
            target_label=version.class_names[explanation.target_class],
            empty=explanation.empty,
            heatmap=HeatmapRecord(
                min=float(heatmap.min()), max=float(heatmap.max()), mean=float(heatmap.mean()), values=values
            ),
            faithfulness=FaithfulnessRecord.of(explanation.faithfulness) if explanation.faithfulness else None,
            cached=explanation.cached,
            overlay=overlay,
            array=array,
        )


class ExplainedRecord(PredictionRecord):
    """A prediction with its explanations."""

    explanations: list[ExplanationRecord] = Field(description="one per method; may be empty")
    cached: bool = Field(description="true if all explanations were made before")

    @classmethod
    def of_maps(
        cls,
        file: str,
        version: ModelVersion,
        prediction: Prediction,
        explanations: Sequence[ExplanationRecord],
        prediction_id: str | None = None,
    ) -> ExplainedRecord:
        """The record of a prediction and its explanations."""
        return cls(
            **prediction_fields(file, version, prediction, prediction_id), explanations=list(explanations),
            cached=bool(explanations) and all(each.cached for each in explanations),
        )  # fmt: skip

    @classmethod
    def of_answer(cls, answer: Answer) -> ExplainedRecord:
        """The record of the answer on the Predict page, with the values of the heatmap."""
        maps = [answer.explanation] if answer.explanation else []
        records = [ExplanationRecord.of(answer.version, each, with_values=True) for each in maps]
        return cls.of_maps(answer.name, answer.version, answer.prediction, records, answer.prediction_id)


def _score_fields(scores: MapScores) -> dict[str, object]:
    return {
        "score": scores.score,
        "insertion_auc": scores.insertion_auc,
        "deletion_auc": scores.deletion_auc,
        "average_drop": scores.average_drop,
        "insertion": scores.insertion.tolist(),
        "deletion": scores.deletion.tolist(),
    }
