"""What a network is to answer for each training image: its label, or what a better network thinks of it."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from dashboard.core.calibration import softmax
from dashboard.core.preprocessing import normalize
from dashboard.core.registry import ModelVersion


def load_version(version: ModelVersion) -> keras.Model:
    """The network of one of our own versions."""
    return keras.saving.load_model(version.file, compile=False, safe_mode=True)


def smoothed_labels(labels: np.ndarray, num_classes: int, smoothing: float) -> np.ndarray:
    """(N, K) probabilities: `smoothing` spread over all classes, the rest on the label (arXiv 1512.00567, section 7)."""
    return np.eye(num_classes)[labels] * (1 - smoothing) + smoothing / num_classes


def taught(
    targets: np.ndarray, teacher: ModelVersion, views: Sequence[np.ndarray], teacher_weight: float
) -> np.ndarray:
    """Targets (N, K) mixed with a teacher's probabilities, which is distillation (Hinton et al., arXiv 1503.02531).

    Args:
        teacher: a version that gives logits.
        views: (N, S, S, 3) uint8 each, the same images in several ways; each is seen mirrored too, and averaged.
        teacher_weight: the teacher's share, in [0, 1].
    """
    model = load_version(teacher)
    both_ways = [seen for view in views for seen in (view, view[:, :, ::-1])]
    thought = np.mean(
        [
            softmax(model.predict(normalize(seen, teacher.preprocessing), batch_size=500, verbose=0))
            for seen in both_ways
        ],
        axis=0,
    )
    return teacher_weight * thought + (1 - teacher_weight) * targets
