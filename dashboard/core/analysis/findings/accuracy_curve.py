"""How often answers are right, as a function of their confidence, apart from a constant share of wrong labels.

The curve is (1 - lapse) sigmoid(a logit(confidence) + b). Its sigmoid takes over- and underconfidence out of the
confidence (Platt 1999). A lapse is a share of answers that are wrong however sure the model is, as in psychometric
functions (Wichmann, Hill 2001): labels that are wrong look like this, overconfidence does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MOST_FITTED = 100_000  # images
_LEAST_DOUBT = 1e-6
_MOST_LAPSE = 0.5
_LOW, _HIGH = -30.0, 30.0  # logits


@dataclass(frozen=True)
class AccuracyCurve:
    """A fitted curve."""

    without_lapse: np.ndarray  # (N,) in [0, 1]: how often answers of each image's confidence would be right
    lapse: float  # in [0, 0.5]
    p_value: float  # of no lapse (likelihood ratio)


def accuracy_curve(confidence: np.ndarray, correct: np.ndarray) -> AccuracyCurve:
    """Fits the curve by maximum likelihood.

    Args:
        confidence: (N,) in [0, 1]; N >= 1.
        correct: (N,) bool.
    """
    from scipy.optimize import minimize
    from scipy.stats import chi2

    safe = np.clip(confidence, _LEAST_DOUBT, 1 - _LEAST_DOUBT)
    logits, n = np.log(safe / (1 - safe)), len(safe)
    part = np.random.default_rng(0).choice(n, _MOST_FITTED, replace=False) if n > _MOST_FITTED else slice(None)
    x, right = logits[part], correct[part]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative log-likelihood, with a weak prior that keeps the curve finite if all are right, and its gradient."""
        a, b, lapse = parameters
        p = _sigmoid(a * x + b)
        likelihood = np.where(right, (1 - lapse) * p, 1 - (1 - lapse) * p) + 1e-12
        of_p = np.where(right, 1 - lapse, lapse - 1) / likelihood * p * (1 - p)
        of_lapse = np.where(right, -p, p) / likelihood
        prior = ((a - 1) ** 2 + b**2) / 2
        return (
            float(prior - np.log(likelihood).sum()),
            np.array([a - 1 - (of_p * x).sum(), b - of_p.sum(), -of_lapse.sum()]),
        )

    fits = [
        minimize(loss, (1.0, 0.0, start), jac=True, method="L-BFGS-B", bounds=((0, 20), (-20, 20), (0, most)))
        for start, most in ((0.0, 0.0), (0.01, _MOST_LAPSE))
    ]
    plain, lapsing = fits
    gain = max(0.0, float(plain.fun - lapsing.fun))
    a, b, lapse = lapsing.x if gain > 0 else plain.x
    return AccuracyCurve(_sigmoid(a * logits + b), float(lapse), float(chi2.sf(2 * gain, 1)) / 2)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, _LOW, _HIGH)))
