"""Writes a trained model as a new version, with everything that was measured on it."""

from __future__ import annotations

import dataclasses
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import keras
import numpy as np

from dashboard.core.calibration import expected_calibration_error, fit_temperature, softmax
from dashboard.core.cifar10 import CLASS_NAMES, LabelledImages
from dashboard.core.files import sha256_of, write_json
from dashboard.core.metrics import evaluate_labels
from dashboard.core.preprocessing import Preprocessing, normalize
from dashboard.core.registry import RECORD, WEIGHTS, ModelVersion, Registry, to_record
from dashboard.training.network import count_flops
from dashboard.training.portable import save_portably
from dashboard.training.recipes import Recipe


def publish(
    model: keras.Model,
    recipe: Recipe,
    preprocessing: Preprocessing,
    precision: str,
    data_sha256: str,
    holdout: tuple[np.ndarray, np.ndarray],
    test: LabelledImages,
    folder: Path,
) -> Path:
    """Calibrates on the held-out images, measures on the test images, writes `folder`/<next version>.

    Args:
        holdout: (images (N, S, S, 3) uint8, labels (N,)) that were not trained on.

    Returns:
        The folder of the new version.
    """

    def logits_of(images: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(normalize(images, preprocessing), batch_size=500, verbose=0))

    temperature = fit_temperature(logits_of(holdout[0]), holdout[1])
    logits = logits_of(test.images)
    result = evaluate_labels(test.labels, logits.argmax(axis=1), CLASS_NAMES)
    target = folder / Registry(folder.parent).next_version(folder.name)
    target.mkdir(parents=True)
    save_portably(model, target / WEIGHTS)
    version = ModelVersion(
        name=folder.name,
        version=target.name,
        folder=target,
        class_names=CLASS_NAMES,
        preprocessing=preprocessing,
        output="logits",
        sha256=sha256_of(target / WEIGHTS),
        temperature=round(temperature, 4),
        metrics={
            "measured_on": f"{len(test.labels):,} CIFAR-10 test images, used for nothing else",
            "n": len(test.labels),
            "accuracy": round(result.accuracy.value, 5),
            "accuracy_ci95": [round(result.accuracy.low, 5), round(result.accuracy.high, 5)],
            "macro_f1": round(result.macro_f1, 5),
            "ece15": round(expected_calibration_error(softmax(logits, temperature), test.labels), 5),
            "ece15_raw": round(expected_calibration_error(softmax(logits), test.labels), 5),
            "recall": {
                name: round(float(r), 5) for name, r in zip(CLASS_NAMES, result.per_class["recall"], strict=True)
            },
            "flops": count_flops(model),
            "parameters": model.count_params(),
        },
        provenance={
            "recipe": dataclasses.asdict(recipe),
            "precision": precision,
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
            "data_sha256": data_sha256,
            "code_revision": _revision(),
            "trained_utc": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "calibrated_on": f"{len(holdout[1]):,} training images that were not trained on",
        },
    )
    write_json(target / RECORD, to_record(version))
    return target


def _revision() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"
