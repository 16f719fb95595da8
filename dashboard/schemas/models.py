"""JSON of a model version."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import Field

from dashboard.core.models.version import ModelVersion
from dashboard.schemas.schema import Schema


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
