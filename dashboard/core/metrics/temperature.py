"""Softmax and temperature scaling."""

from __future__ import annotations

import numpy as np

from dashboard.core.errors import DatasetError

_LEAST, _MOST = 0.05, 20.0
_OTHER_IMAGES = "Use other images, among which the model is sometimes right and sometimes wrong, or more of them."
_OTHER_SCALE = (
    "If the outputs are much too large, the scaling of the pixels may be another than the model was trained with."
)
_AT_BOUND = 1e-3  # of the logarithm; the search ends this close to a bound if the loss has no minimum before it


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities (N, K) float64 for logits (N, K)."""
    scaled = np.asarray(logits, np.float64) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(scaled)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean -log p of the true class, in nats."""
    return float(log_losses(logits, labels, temperature).mean())


def log_losses(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """-log p of the true class of each image, (N,), in nats."""
    scaled = np.asarray(logits, np.float64) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_probs = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return np.asarray(-log_probs[np.arange(len(labels)), labels])


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature in [0.05, 20] with the least negative log-likelihood (Guo et al., arXiv 1706.04599, section 4.2).

    The temperature scales all logits equally, so the predicted class stays the same. Fit it on images that the
    model was not trained on.

    Raises:
        DatasetError: the likelihood has no best temperature in this range, as when the model makes no mistake.
    """
    from scipy.optimize import minimize_scalar

    within = (float(np.log(_LEAST)), float(np.log(_MOST)))
    best = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, labels, float(np.exp(log_t))), bounds=within, method="bounded",
    )  # fmt: skip
    if min(abs(best.x - bound) for bound in within) < _AT_BOUND:
        way_out = _OTHER_IMAGES if best.x < 0 else f"{_OTHER_IMAGES} {_OTHER_SCALE}"
        raise DatasetError(_why_none(logits, labels), way_out, "no_best_temperature")
    return float(np.exp(best.x))


def _why_none(logits: np.ndarray, labels: np.ndarray) -> str:
    n = f"{len(labels):,} images on which a temperature is fitted"
    if (logits.argmax(axis=1) == labels).all():
        return f"The model makes no mistake among the {n}, so each lower temperature fits them better and none is the best."
    return f"No temperature between {_LEAST:g} and {_MOST:g} is the best for the {n}: the fit ends at a bound of the search."
