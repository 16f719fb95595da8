"""What a network is to answer for each training image: its label, or what a better network thinks of it."""

from __future__ import annotations

import keras
import numpy as np

from dashboard.core.calibration import softmax
from dashboard.core.preprocessing import Preprocessing, normalize
from dashboard.core.registry import ModelVersion
from dashboard.training import network


def load_version(version: ModelVersion, precision: str = "float32") -> keras.Model:
    """The network of one of our own versions, computing in `precision`, a Keras dtype policy."""
    model = keras.saving.load_model(version.file, compile=False, safe_mode=True)
    if precision == "float32":
        return model
    recipe = version.provenance["recipe"]
    side, classes = version.preprocessing.width, len(version.class_names)
    copy = network.build_in(precision, recipe["widths"], classes, side, recipe.get("squeeze", False))
    copy.set_weights(model.get_weights())
    return copy


def smoothed_labels(labels: np.ndarray, num_classes: int, smoothing: float) -> np.ndarray:
    """(N, K) probabilities: `smoothing` spread over all classes, the rest on the label (arXiv 1512.00567, section 7)."""
    return np.eye(num_classes)[labels] * (1 - smoothing) + smoothing / num_classes


def taught(
    targets: np.ndarray, teacher: keras.Model, preprocessing: Preprocessing, images: np.ndarray, teacher_weight: float
) -> np.ndarray:
    """Targets (N, K) mixed with a teacher's probabilities, which is distillation (Hinton et al., arXiv 1503.02531).

    Args:
        teacher: gives logits.
        images: (N, S, S, 3) uint8; each is seen mirrored too, and averaged.
        teacher_weight: the teacher's share, in [0, 1].
    """
    both_ways = [
        softmax(teacher.predict(normalize(seen, preprocessing), batch_size=500, verbose=0))
        for seen in (images, images[:, :, ::-1])
    ]
    return teacher_weight * np.mean(both_ways, axis=0) + (1 - teacher_weight) * targets
