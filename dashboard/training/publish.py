"""Stores a trained model as a new version, together with its measurements."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np

from dashboard.core.analysis.robustness import TRAINED, measure_robustness
from dashboard.core.clock import utc_now
from dashboard.core.datasets.cifar10_archive import LabelledImages
from dashboard.core.errors import DatasetError
from dashboard.core.files import sha256_of, write_json
from dashboard.core.images.corruptions import CORRUPTIONS, NINE
from dashboard.core.images.preprocessing import Preprocessing, normalize
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.metrics.calibration import expected_calibration_error
from dashboard.core.metrics.evaluation import evaluate_labels
from dashboard.core.metrics.temperature import fit_temperature, softmax
from dashboard.core.models.familiarity import Score, auroc, energy, fit_familiarity
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import RECORD, WEIGHTS, ModelVersion, to_record
from dashboard.core.settings import get_settings
from dashboard.training import network
from dashboard.training.blending import Tried
from dashboard.training.photos import as_photo
from dashboard.training.portable import save_portably
from dashboard.training.recipes import Recipe, shape, trained_corruptions
from dashboard.training.strangers import strangers

STRANGERS = 1000  # number of images of each kind on which the thresholds are tested
CORRUPTED_IMAGES = 1000  # number of test images that are corrupted
PHOTO_FACTOR, PHOTO_QUALITY = 12, 75
SCORES = ("precision", "recall", "f1")
BFLOAT16_TOLERANCE = 0.001  # largest change of the accuracy, up or down


@dataclass(frozen=True)
class Training:
    """How a model was trained; stored in its model.json beside the figures."""

    recipe: Recipe
    preprocessing: Preprocessing
    precision: str  # a Keras dtype policy
    data_sha256: str  # of the archive of training images
    started_from: ModelVersion | None = None  # the training began with the weights of this version
    taught_by: tuple[ModelVersion, ...] = ()  # the teachers
    backend: str = "unknown"  # of Keras
    code_revision: str = "unknown"
    blended: tuple[Tried, ...] = ()  # the share of the trained weights that was chosen, then the others

    @property
    def corruptions(self) -> tuple[str, ...]:
        """The kinds of corruption like those that this training, or that of its start, showed."""
        shown = trained_corruptions(dataclasses.asdict(self.recipe))
        if self.started_from:
            before = self.started_from.provenance
            shown |= {*before.get(TRAINED, ()), *trained_corruptions(before.get("recipe") or {})}
        return tuple(kind for kind in CORRUPTIONS if kind in shown)


def publish(
    model: keras.Model,
    training: Training,
    holdout: tuple[np.ndarray, np.ndarray],
    test: LabelledImages,
    folder: Path,
) -> Path:
    """Calibrates on the held-out images, measures on the test images, and writes `folder`/<next version>.

    Args:
        holdout: images (N, S, S, 3) uint8 and labels (N,) that were not used for training.

    Returns:
        The folder of the new version.
    """
    recipe, preprocessing = training.recipe, training.preprocessing
    held, held_labels = holdout
    held_logits = logits_of(model, held, preprocessing)
    temperature, calibrated_on = _calibrated(held_logits, held_labels)
    held_probs = softmax(held_logits, temperature)
    logits = logits_of(model, test.images, preprocessing)
    probs = softmax(logits, temperature)
    strange = {
        name: logits_of(model, images, preprocessing)
        for name, images in strangers(preprocessing, STRANGERS, recipe.seed).items()
    }
    # the deciding score is chosen on the held-out images; the stored figures are measured on the test images
    chosen_on = _aurocs(held_logits, held_probs, strange, temperature)
    decides: Score = max(
        get_args(Score), key=lambda score: np.mean([by_score[score] for by_score in chosen_on.values()])
    )
    in_bfloat16 = network.rebuilt(model, "mixed_bfloat16", preprocessing.width, **shape(dataclasses.asdict(recipe)))
    right, right_in_bfloat16 = (
        (answers.argmax(axis=1) == held_labels).mean()
        for answers in (held_logits, logits_of(in_bfloat16, held, preprocessing))
    )
    # without rounding, one image of a thousand could be more than 0.001
    change = round(float(right_in_bfloat16 - right), 5)
    result = evaluate_labels(test.labels, logits.argmax(axis=1), CLASS_NAMES)
    photos = np.stack([as_photo(image, PHOTO_FACTOR, PHOTO_QUALITY, preprocessing) for image in test.images])
    registry = Registry(folder.parent, bundled=get_settings().bundled_models_dir)
    version = ModelVersion(
        name=folder.name,
        version=registry.next_version(folder.name),
        folder=folder,
        class_names=CLASS_NAMES,
        preprocessing=preprocessing,
        output="logits",
        sha256="",
        temperature=temperature,
        familiarity=fit_familiarity(held_logits, held_probs, decides),
        bfloat16=abs(change) <= BFLOAT16_TOLERANCE,
        metrics={
            "measured_on": f"{len(test.labels):,} CIFAR-10 test images, in float32",
            "n": len(test.labels),
            "accuracy": round(result.accuracy.value, 5),
            "accuracy_held_out": round(float(right), 5),
            "accuracy_ci95": [round(result.accuracy.low, 5), round(result.accuracy.high, 5)],
            "macro_f1": round(result.macro_f1, 5),
            "ece15": round(expected_calibration_error(probs, test.labels), 5),
            "ece15_raw": round(expected_calibration_error(softmax(logits), test.labels), 5),
            "ece15_held_out": round(expected_calibration_error(held_probs, held_labels), 5),
            "per_class": {
                row["class"]: {score: None if np.isnan(row[score]) else round(row[score], 5) for score in SCORES}
                for row in result.per_class.to_dict("records")
            },
            "accuracy_as_photos": round(
                float((logits_of(model, photos, preprocessing).argmax(axis=1) == test.labels).mean()), 5
            ),
            "photos": f"the same images enlarged {PHOTO_FACTOR}x (Lanczos), JPEG quality {PHOTO_QUALITY}",
            "accuracy_change_bfloat16_held_out": change,
            "auroc": {
                name: {score: round(value, 4) for score, value in by_score.items()}
                for name, by_score in _aurocs(logits, probs, strange, temperature).items()
            },
            "robustness": _robustness(in_bfloat16, training, test, temperature),
            "flops": network.count_flops(model),
            "parameters": model.count_params(),
        },
        provenance={
            "recipe": dataclasses.asdict(recipe),
            "started_from": _named(training.started_from) if training.started_from else None,
            "taught_by": [_named(teacher) for teacher in training.taught_by],
            "precision": training.precision,
            "backend": training.backend,
            "keras": keras.__version__,
            "data_sha256": training.data_sha256,
            "code_revision": training.code_revision,
            "trained_utc": utc_now(),
            TRAINED: list(training.corruptions),
            "blended": [dataclasses.asdict(tried) for tried in training.blended],
            "calibrated_on": calibrated_on,
        },
    )
    with registry.adding() as made:
        save_portably(model, made / WEIGHTS)
        write_json(made / RECORD, to_record(dataclasses.replace(version, sha256=sha256_of(made / WEIGHTS))))
        return folder / registry.add(made, folder.name)


def _calibrated(held_logits: np.ndarray, held_labels: np.ndarray) -> tuple[float, str]:
    """The temperature, and in words on which images it was fitted; 1 if these images have no best one."""
    try:
        temperature = round(fit_temperature(held_logits, held_labels), 4)
    except DatasetError as error:
        return 1.0, f"no images. {error.message}"
    return temperature, f"{len(held_labels):,} training images that were not trained on"


def _robustness(model: keras.Model, training: Training, test: LabelledImages, temperature: float) -> dict[str, Any]:
    """The errors on corrupted test images by kind and strength, and their means; shares in [0, 1]."""
    found = measure_robustness(
        lambda images: logits_of(model, images, training.preprocessing),
        test.images[:CORRUPTED_IMAGES],
        test.labels[:CORRUPTED_IMAGES],
        temperature,
        trained=training.corruptions,
    )
    return {
        "measured_on": f"the first {found.images:,} of these images, in bfloat16; strengths 1 to 5 (arXiv 1903.12261)",
        "error_clean": round(found.clean.error, 5),
        "errors": {kind: [round(one.error, 5) for one in by_strength] for kind, by_strength in found.corrupted.items()},
        "trained": list(found.trained),
        "mean_error_nine": round(found.mean_error(NINE), 5),
        "mean_error": round(found.mean_error(), 5),
        "mean_error_not_trained": round(found.mean_error(found.untrained), 5),
        "mean_ece15": round(found.mean_ece(), 5),
        "mean_energy_by_strength": [round(value, 3) for value in found.energies],
    }


def _named(version: ModelVersion) -> dict[str, str]:
    return {"version": version.ref, "sha256": version.sha256}


def logits_of(model: keras.Model, images: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """The logits (N, K) float32 of images (N, S, S, 3) uint8."""
    return np.asarray(model.predict(normalize(images, preprocessing), batch_size=500, verbose=0), np.float32)


def _aurocs(
    logits: np.ndarray, probs: np.ndarray, strange: dict[str, np.ndarray], temperature: float
) -> dict[str, dict[Score, float]]:
    """The AUROC of each score for each set of unfamiliar images, against known images."""
    return {
        name: {
            "energy": auroc(energy(logits), energy(others)),
            "msp": auroc(-probs.max(axis=1), -softmax(others, temperature).max(axis=1)),
        }
        for name, others in strange.items()
    }
