"""Softmax and temperature scaling."""

from __future__ import annotations

import numpy as np


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
    """
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, labels, float(np.exp(log_t))),
        bounds=(np.log(0.05), np.log(20)), method="bounded",
    )  # fmt: skip
    return float(np.exp(best.x))
