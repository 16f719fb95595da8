"""How well confidence matches accuracy for each class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.metrics.calibration import equal_width_bin
from dashboard.core.metrics.wilson import wilson


def top_label_calibration(
    confidence: np.ndarray, predicted_ids: np.ndarray, correct: np.ndarray, n_classes: int, bins: int = 15
) -> pd.DataFrame:
    """Confidence and accuracy over the images that are predicted as each class (Gupta, Ramdas, arXiv 2107.08353).

    Args:
        confidence: (N,), probability of the predicted class, in [0, 1].
        predicted_ids: (N,) class ids in [0, n_classes).
        correct: (N,) bool.

    Returns:
        One row per class: `images` predicted as the class, their mean `confidence`, their `accuracy` with its 95% Wilson
        interval `low` to `high`, and their `ece`. Few images make the ECE large even if the model is calibrated.
        All but `images` are NaN for a class that is never predicted.
    """
    cells = n_classes * bins
    cell = np.asarray(predicted_ids) * bins + equal_width_bin(confidence, bins)
    certain, right = (
        np.bincount(cell, weights=values, minlength=cells).reshape(-1, bins) for values in (confidence, correct)
    )
    images = np.bincount(predicted_ids, minlength=n_classes)
    low, high = wilson(right.sum(axis=1), images)
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(
            {
                "images": images,
                "confidence": certain.sum(axis=1) / images,
                "accuracy": right.sum(axis=1) / images,
                "low": low,
                "high": high,
                "ece": np.abs(certain - right).sum(axis=1) / images,
            }
        )
