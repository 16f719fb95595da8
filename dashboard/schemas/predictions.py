"""JSON of a prediction."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import Field

from dashboard.core.images.preprocessing import Fit
from dashboard.core.models.prediction import Prediction, most_probable
from dashboard.core.models.version import ModelVersion
from dashboard.schemas.models import ModelName
from dashboard.schemas.schema import Schema

TOP_K = 3  # classes that an answer lists when nobody says how many
MOST_TOP_K = 1000


class DoubtRecord(Schema):
    """Scores that tell whether the image shows any of the classes."""

    energy: float = Field(description="-logsumexp of the logits; high for unfamiliar images")
    msp: float = Field(description="the highest probability, in [0, 1]")
    by_energy: bool = Field(description="true if the energy is above the version's threshold")
    by_msp: bool = Field(description="true if the highest probability is below the version's threshold")
    unknown: bool = Field(
        description="true if the image probably shows none of the classes, by this version's deciding score"
    )


class LabelProbability(Schema):
    """A class and its probability."""

    label: str
    probability: float = Field(description="calibrated, in [0, 1]")


class PredictionRecord(Schema):
    """A model version's answer for one image."""

    file: str = Field(description="name of the image file, as given")
    predicted_label: str
    confidence: float = Field(description="calibrated probability of the predicted class, in [0, 1]")
    pred_probs: dict[str, float] = Field(description="calibrated probability of each class; they sum to 1")
    model: ModelName
    fit: Fit = Field(description="how a picture with other proportions is made to fit the model's input")
    doubt: DoubtRecord | None = Field(description="null if the version has no thresholds")
    prediction_id: str | None = Field(description="in the history, for feedback; null if it was not recorded")
    notes: list[str] = Field(
        default=[],
        description="why the answer is less reliable than usual, such as that the picture has very few pixels; and how the "
        "pixels were made from the file, such as that only the first frame is used or that the picture was squeezed",
    )


class RankedPrediction(PredictionRecord):
    """A model version's answer for one image, with the most probable classes and whether it is sure."""

    top: list[LabelProbability] = Field(description="the most probable classes, first the predicted one")
    sure: bool | None = Field(description="true if the confidence reaches `threshold`; null if none was given")
    cached: bool = Field(description="true if the same image was answered before by the same model version")

    @classmethod
    def of(
        cls,
        file: str,
        version: ModelVersion,
        prediction: Prediction,
        prediction_id: str | None,
        cached: bool,
        top_k: int = TOP_K,
        threshold: float | None = None,
    ) -> RankedPrediction:
        """The record of a prediction.

        Args:
            cached: see the field.
            top_k: how many classes `top` lists.
            threshold: the least confidence that counts as sure, in [0, 1].
        """
        return cls(**ranked_fields(file, version, prediction, prediction_id, top_k, threshold), cached=cached)


def ranked_fields(
    file: str,
    version: ModelVersion,
    prediction: Prediction,
    prediction_id: str | None,
    top_k: int,
    threshold: float | None,
) -> dict[str, object]:
    """The fields of `RankedPrediction` but for `cached`."""
    top = most_probable(version.class_names, prediction.pred_probs, top_k)
    return {
        **prediction_fields(file, version, prediction, prediction_id),
        "top": [LabelProbability(label=label, probability=probability) for label, probability in top],
        "sure": None if threshold is None else prediction.confidence >= threshold,
    }


def prediction_fields(
    file: str, version: ModelVersion, prediction: Prediction, prediction_id: str | None = None
) -> dict[str, object]:
    """The fields of `PredictionRecord`."""
    doubt = version.familiarity and version.familiarity.doubts(prediction.logits, prediction.pred_probs)
    return {
        "file": file,
        "predicted_label": version.class_names[prediction.class_id],
        "confidence": prediction.confidence,
        "pred_probs": dict(zip(version.class_names, prediction.pred_probs.tolist(), strict=True)),
        "model": ModelName.of(version),
        "fit": version.preprocessing.fit,
        "doubt": DoubtRecord(**asdict(doubt)) if doubt else None,
        "prediction_id": prediction_id or None,
        "notes": list(prediction.notes),
    }
