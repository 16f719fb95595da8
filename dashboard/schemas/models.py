"""JSON of a model version."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import Field

from dashboard.core.models.version import ModelVersion
from dashboard.schemas.schema import Schema


class ModelName(Schema):
    """The model version that was used."""

    name: str
    version: str = Field(description="empty for predictions that were made elsewhere")

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
    """A model version: its input and its classes."""

    active: bool = Field(description="used when no version is named")
    input_shape: list[int] = Field(description="height, width, channels")
    class_names: list[str] = Field(description="in the order of the outputs")
    preprocessing: dict[str, Any] = Field(description="how a picture becomes the model's input, as in model.json")
    metrics: dict[str, Any] = Field(description="as measured when the version was made")

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
