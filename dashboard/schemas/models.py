"""JSON of a model version."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dashboard.core.errors import ModelError
from dashboard.core.models.version import BrokenVersion, ModelVersion
from dashboard.schemas.errors import ErrorRecord
from dashboard.schemas.schema import Schema
from dashboard.schemas.scores import ScoreRecord

if TYPE_CHECKING:
    from dashboard.core.evaluation.recalibration import Recalibrated


class ModelName(Schema):
    """Name and version of a model."""

    name: str
    version: str = Field(description="empty if the predictions were made elsewhere")

    @classmethod
    def of(cls, version: ModelVersion) -> ModelName:
        """The name of a version."""
        return cls(name=version.name, version=version.version)

    @classmethod
    def parse(cls, ref: str) -> ModelName:
        """The parts of NAME@VERSION."""
        name, _, version = ref.partition("@")
        return cls(name=name, version=version)


class ModelRecord(ModelName):
    """A model version: its input, its classes and its measured accuracy."""

    active: bool = Field(description="used when no version is named")
    input_shape: list[int] = Field(description="height, width, channels")
    class_names: list[str] = Field(description="in the order of the outputs")
    preprocessing: dict[str, Any] = Field(description="how an image becomes the model's input, as in model.json")
    metrics: dict[str, Any] = Field(description="measured when the version was made")

    @classmethod
    def of_version(cls, version: ModelVersion, active: bool) -> ModelRecord:
        """The record of a version."""
        return cls(
            name=version.name,
            version=version.version,
            active=active,
            input_shape=list(version.input_shape),
            class_names=list(version.class_names),
            preprocessing=asdict(version.preprocessing),
            metrics=version.metrics,
        )


class ListedModel(ModelRecord):
    """A model version in the list of all, also one that cannot be used."""

    error: ErrorRecord | None = Field(
        description="why it cannot be used; null if it can. If its model.json cannot be read, its input, classes and figures "
        "are empty"
    )

    @classmethod
    def of_entry(cls, version: ModelVersion | BrokenVersion, active: bool, fault: ModelError | None) -> ListedModel:
        """The record of a version, with what is wrong with it."""
        error = ErrorRecord.of(fault) if fault else None
        if isinstance(version, ModelVersion):
            return cls(**dict(ModelRecord.of_version(version, active)), error=error)
        return cls(
            name=version.name, version=version.version, active=active, input_shape=[], class_names=[], preprocessing={},
            metrics={}, error=error,
        )  # fmt: skip


class CalibrationRecord(Schema):
    """How well probabilities match the truth; lower is better."""

    ece15: float = Field(description="expected calibration error in 15 bins, in [0, 1]")
    log_loss: float = Field(description="mean -log p of the true class, in nats")


class RecalibrationRecord(ModelName):
    """A new model version with a better temperature."""

    run_id: str = Field(description="the evaluation whose labelled images were used")
    temperature_before: float
    temperature: float
    before: CalibrationRecord = Field(description="with the old temperature, on images that were not used to fit")
    after: CalibrationRecord = Field(description="with the new temperature, on the same images")
    log_loss_difference: ScoreRecord = Field(description="after minus before, paired; below 0 is better")
    n_fit: int = Field(description="number of images that the temperature was fitted on")
    n_check: int = Field(description="number of images that it was checked on")

    @classmethod
    def of_result(cls, done: Recalibrated, run_id: str) -> RecalibrationRecord:
        """The record of a recalibration."""
        found = done.refit
        before, after = (CalibrationRecord(ece15=each.ece, log_loss=each.nll) for each in (found.before, found.after))
        return cls(
            name=done.version.name,
            version=done.version.version,
            run_id=run_id,
            temperature_before=found.temperature_before,
            temperature=done.version.temperature,
            before=before,
            after=after,
            log_loss_difference=ScoreRecord.of(found.difference),
            n_fit=found.n_fit,
            n_check=found.n_check,
        )
