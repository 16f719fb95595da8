"""One servable model and its model.json."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from dashboard.core.errors import BrokenVersionError, DashboardError, ModelError
from dashboard.core.images.preprocessing import Fit, Preprocessing
from dashboard.core.labels.class_names import class_names_fault
from dashboard.core.models.familiarity import Familiarity

Output = Literal["logits", "probabilities"]

WEIGHTS = "model.keras"

RECORD = "model.json"


@dataclass(frozen=True)
class ModelVersion:
    """One servable model: a file and everything needed to use it rightly."""

    name: str
    version: str
    folder: Path
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    output: Output  # what the file's last layer gives
    sha256: str  # of model.keras
    temperature: float = 1.0  # pred_probs = softmax(logits / temperature)
    metrics: dict[str, Any] = field(default_factory=dict)  # as measured when it was made; shown, never computed with
    provenance: dict[str, Any] = field(default_factory=dict)
    familiarity: Familiarity | None = None  # None: it never doubts that a picture shows one of its classes
    bfloat16: bool = False  # may be served in bfloat16: measured to answer as well as in float32

    @property
    def ref(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"

    @property
    def file(self) -> Path:
        """The Keras model."""
        return self.folder / WEIGHTS

    @property
    def accuracy(self) -> float | None:
        """On its test images, in (0, 1]; None where its record, which anybody may have written, states none."""
        stated = self.metrics.get("accuracy")
        return stated if isinstance(stated, (int, float)) and 0 < stated <= 1 else None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        p = self.preprocessing
        return (p.height, p.width, p.channels)

    def fitting(self, fit: Fit) -> ModelVersion:
        """The same, but pictures of another shape are made to fit in this way."""
        return replace(self, preprocessing=replace(self.preprocessing, fit=fit))


@dataclass(frozen=True)
class BrokenVersion:
    """A folder in models/ that cannot be used, and why."""

    name: str
    version: str
    error: BrokenVersionError

    @property
    def ref(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


def read_version(folder: Path) -> ModelVersion | BrokenVersion:
    """The version in a folder models/NAME/VERSION, or why it cannot be used."""
    name, version = folder.parent.name, folder.name
    try:
        return _parse(folder)
    except DashboardError as error:
        return BrokenVersion(
            name, version, BrokenVersionError(f"{name}@{version}: {error.message}", error.fix, error.code)
        )
    except OSError as error:
        fault = f"{name}@{version} cannot be opened: {error.strerror}."
        return BrokenVersion(name, version, BrokenVersionError(fault, "Let this user read it.", "model_unreadable"))


def _parse(folder: Path) -> ModelVersion:
    restore = f"Restore {folder.parent.name}/{folder.name} from version control, or train or add the model again."
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{WEIGHTS} is missing.", restore, "model_missing")
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if not isinstance(record["class_names"], list):
            raise TypeError("class_names is no list")
        version = ModelVersion(
            name=folder.parent.name,
            version=folder.name,
            folder=folder,
            class_names=tuple(str(c) for c in record["class_names"]),
            preprocessing=Preprocessing.from_dict(record["preprocessing"]),
            output=record["output"],
            sha256=str(record["sha256"]),
            temperature=float(record.get("temperature", 1.0)),
            familiarity=Familiarity(**record["familiarity"]) if record.get("familiarity") else None,
            bfloat16=record.get("bfloat16", False) is True,
            metrics=dict(record.get("metrics", {})),
            provenance=dict(record.get("provenance", {})),
        )
    except FileNotFoundError as error:
        raise ModelError(f"{RECORD} is missing.", restore, "model_record") from error
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{RECORD} cannot be used ({type(error).__name__}: {error}).", restore, "model_record"
        ) from error
    if len(version.class_names) < 2:
        raise ModelError("class_names needs two or more names.", restore, "model_record")
    if fault := class_names_fault(version.class_names):
        raise ModelError(f"class_names {fault}.", restore, "model_record")
    if version.output not in ("logits", "probabilities") or not 0 < version.temperature < float("inf"):
        raise ModelError("output or temperature make no sense.", restore, "model_record")
    return version


def to_record(version: ModelVersion) -> dict[str, Any]:
    """The content of model.json."""
    return {
        "class_names": list(version.class_names),
        "preprocessing": version.preprocessing.to_dict(),
        "output": version.output,
        "temperature": version.temperature,
        "familiarity": version.familiarity.to_dict() if version.familiarity else None,
        "bfloat16": version.bfloat16,
        "sha256": version.sha256,
        "metrics": version.metrics,
        "provenance": version.provenance,
    }
