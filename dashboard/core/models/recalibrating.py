"""Stores a model version with another temperature as the next version of its name."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.core.clock import utc_now
from dashboard.core.files import write_json
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.registry import Registry, not_written
from dashboard.core.models.samples import copy_samples
from dashboard.core.models.version import RECORD, WEIGHTS, ModelVersion, to_record

_DEPEND_ON_TEMPERATURE = ("ece10", "ece15", "log_loss", "brier", "aurc", "auroc")  # parts of the names of figures


def store_recalibrated(
    registry: Registry, version: ModelVersion, temperature: float, calibrated_on: str, logits: np.ndarray,
    measured: Mapping[str, Any],
) -> ModelVersion:  # fmt: skip
    """Adds a version with the same weights and another temperature. The registry gets all of it or nothing.

    Predicted classes and accuracy stay the same. Figures that depend on the temperature are left out of model.json.

    Args:
        temperature: the new one, > 0.
        calibrated_on: the images that it was fitted on, in words, for the provenance in model.json.
        logits: (N, K) of images of the model's classes. The threshold on confidence below which a picture is doubted is
            set on them, so that the same share of images stays above it.
        measured: what the temperature changed, for the provenance, too.

    Raises:
        ModelError: the version cannot be written.
    """
    familiarity = version.familiarity
    if familiarity:
        confidence = softmax(logits, temperature).max(axis=1)
        familiarity = replace(familiarity, min_msp=float(np.quantile(confidence, 1 - familiarity.kept)))
    recalibrated = replace(
        version,
        temperature=temperature,
        familiarity=familiarity,
        metrics=_independent_of_temperature(version.metrics),
        provenance={
            **version.provenance,
            "calibrated_on": calibrated_on,
            "recalibrated": {
                "from": version.ref, "from_temperature": version.temperature, "utc": utc_now(), **measured,
            },
        },
    )  # fmt: skip
    try:
        with registry.adding() as folder:
            shutil.copyfile(version.file, folder / WEIGHTS)
            copy_samples(version.folder, folder)
            write_json(folder / RECORD, to_record(recalibrated))
            return registry.get(f"{version.name}@{registry.add(folder, version.name)}")
    except OSError as error:
        raise not_written(registry, error) from error


def _independent_of_temperature(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _independent_of_temperature(value) if isinstance(value, dict) else value
        for name, value in metrics.items()
        if not any(part in name for part in _DEPEND_ON_TEMPERATURE)
    }
