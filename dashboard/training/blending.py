"""Weights between those of the start and those of the end of a training: robust, and as good on clean images.

Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), arXiv 2109.01903, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from dashboard.core.analysis.robustness import Predict, measure_robustness
from dashboard.core.images.corruptions import NINE

SHARES = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)
BATCH = 256
CORRUPTED = 200  # images that are corrupted to choose the share


@dataclass(frozen=True)
class Tried:
    """One share of the trained weights; the rest are those of the start."""

    share: float
    clean_accuracy: float
    corrupted_error: float  # mean over nine kinds and five strengths


def blend(model: keras.Model, start: list[np.ndarray], end: list[np.ndarray], share: float) -> None:
    """Gives the model the weights (1 - share) * start + share * end."""
    model.set_weights([(1 - share) * a + share * b for a, b in zip(start, end, strict=True)])


def settle(model: keras.Model, seen: np.ndarray) -> None:
    """Measures the means and variances of batch normalization again: those of blended weights do not lie between.

    Without this, blended weights are worse than both ends (Jordan et al., REPAIR, arXiv 2211.08403).

    Args:
        seen: (N, S, S, 3) float32 model inputs as in the training; 5,000 are enough.
    """
    for start in range(0, len(seen), BATCH):
        model(seen[start : start + BATCH], training=True)


def blend_best(
    model: keras.Model,
    predict: Predict,
    start: list[np.ndarray],
    seen: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    most_corrupted_error: float,
) -> tuple[Tried, ...]:
    """Blends the trained model with its start, by the share that serves best on held-out images.

    That is the one that is most accurate on clean images among those whose error on corrupted images is at most
    `most_corrupted_error`; if there is none, the one with the least error on corrupted images.

    Args:
        model: has the weights of the end; it gets the chosen ones.
        predict: gives the logits of this model.
        start: the weights of the start, in the order of `model.get_weights()`.
        seen: see `settle`.
        images: (N, S, S, 3) uint8 that were not trained on.
        labels: (N,) class ids.
        most_corrupted_error: in [0, 1].

    Returns:
        The chosen share, then what else was tried, with the start (share 0) as the last.
    """
    end = model.get_weights()
    tried = []
    for share in (*SHARES, 0.0):
        blend(model, start, end, share)
        if share:
            settle(model, seen)
        accuracy = float((predict(images).argmax(axis=1) == labels).mean())
        corrupted = measure_robustness(predict, images[:CORRUPTED], labels[:CORRUPTED], 1.0, kinds=NINE)
        tried.append(Tried(share, accuracy, corrupted.mean_error()))
        print(
            f"{share:.0%} of the new weights: {accuracy:.2%} right, {tried[-1].corrupted_error:.2%} wrong if corrupted"
        )
    new = tried[:-1]
    robust = [one for one in new if one.corrupted_error <= most_corrupted_error]
    least_corrupted = min(new, key=lambda one: one.corrupted_error)
    best = max(robust, key=lambda one: one.clean_accuracy, default=least_corrupted)
    blend(model, start, end, best.share)
    settle(model, seen)
    return (best, *(one for one in tried if one is not best))
