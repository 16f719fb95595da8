"""Plans an evaluation: dataset, model version, the matching of labels with classes, and the key of the answers."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dashboard.core.datasets import Dataset, distinct_labels
from dashboard.core.datasets.unchanged import open_with_fingerprint
from dashboard.core.errors import DatasetError, listed
from dashboard.core.labels.class_names import NO_LABEL
from dashboard.core.labels.matching import LabelMapping, match_labels
from dashboard.core.models.precision import serves_in_bfloat16
from dashboard.core.models.version import ModelVersion

MAPS_SHOWN = 4  # in the fix of an error message


@dataclass(frozen=True)
class RunPlan:
    """A dataset and the model version to evaluate on it."""

    dataset: Dataset
    fingerprint: str  # of the dataset
    version: ModelVersion
    mapping: LabelMapping
    key: str  # a hash of all that the answers depend on, see `run_key`


def plan_run(path: Path, version: ModelVersion, label_map: Mapping[str, str] | None = None) -> RunPlan:
    """Opens the dataset at `path` and matches its labels.

    Args:
        label_map: what the user says that some labels mean, see `match_labels`.

    Raises:
        DatasetError: the dataset cannot be used, the label map does not fit, or the dataset has labels and none of
            them is a class of the model.
    """
    dataset, fingerprint = open_with_fingerprint(path)
    labels = distinct_labels(dataset.samples)
    mapping = match_labels(labels, version.class_names, label_map)
    if labels and not mapping.class_of:
        counting = f" Class ids go from 0 to {len(version.class_names) - 1}." if any(map(_is_number, labels)) else ""
        message = f"None of the labels ({listed(mapping.unknown or mapping.left_out)}) is a class of {version.ref}."
        raise DatasetError(
            " ".join((*dataset.notes, message)) + counting,
            f"Name the folders after its classes ({listed(version.class_names, 20)}), "
            "or choose a class for each label (--map LABEL=CLASS). To predict without comparing, use "
            f"{_unlabelled(labels)}.",
            "labels_unknown",
        )
    return RunPlan(dataset, fingerprint, version, mapping, run_key(fingerprint, version, mapping.label_map()))


def _unlabelled(labels: tuple[str, ...]) -> str:
    maps = " ".join("--map " + shlex.quote(f"{label}={NO_LABEL}") for label in labels[:MAPS_SHOWN])
    return maps + (" and so on" if len(labels) > MAPS_SHOWN else "")


def _is_number(label: str) -> bool:
    return label.removeprefix("-").isdecimal()


def run_key(dataset_sha256: str, version: ModelVersion, label_map: dict[str, str]) -> str:
    """A hash that is equal for two evaluations that give the same answers.

    It covers the content of the dataset, the model file, preprocessing, output, calibration, classes, label map and
    precision.
    """
    parts = [
        dataset_sha256, version.sha256, asdict(version.preprocessing), version.output, version.temperature,
        version.class_names, label_map, *(["bfloat16"] if serves_in_bfloat16(version) else []),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
