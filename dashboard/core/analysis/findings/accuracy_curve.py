"""How often answers are right, as a function of their confidence, apart from a constant share of wrong labels.

The curve is (1 - lapse) sigmoid(a logit(confidence) + b). Its sigmoid takes over- and underconfidence out of the
confidence (Platt 1999). A lapse is a share of answers that are wrong however sure the model is, as in psychometric
functions (Wichmann, Hill 2001): labels that are wrong look like this, overconfidence does not.

A flatter sigmoid may fit nearly as well as a lapse. So labels are also told apart by their rank: that of a real mistake is
mostly the second most probable class, in a share of the mistakes that is fitted, while a label at random may be any class.
This says more if labels are wrong at random, and the curve alone if they are mostly those of similar classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_MOST_FITTED = 100_000  # images
_LEAST_DOUBT = 1e-6
_MOST_LAPSE = 0.5
_LOW, _HIGH = -30.0, 30.0  # logits
_TINY = 1e-12


@dataclass(frozen=True)
class AccuracyCurve:
    """A fitted curve."""

    without_lapse: np.ndarray  # (N,) in [0, 1]: how often answers of each image's confidence would be right
    lapse: float  # in [0, 0.5]
    p_value: float  # of no lapse (likelihood ratio)


def accuracy_curve(confidence: np.ndarray, rank_of_label: np.ndarray, n_classes: int) -> AccuracyCurve:
    """Fits the curve by maximum likelihood.

    Args:
        confidence: (N,) in [0, 1]; N >= 1.
        rank_of_label: (N,) place of the label among the classes by probability; 1: the answer is right.
        n_classes: at least 2.
    """
    from scipy.stats import chi2

    safe = np.clip(confidence, _LEAST_DOUBT, 1 - _LEAST_DOUBT)
    logits, n = np.log(safe / (1 - safe)), len(safe)
    part = np.random.default_rng(0).choice(n, _MOST_FITTED, replace=False) if n > _MOST_FITTED else slice(None)
    right, second = rank_of_label[part] == 1, rank_of_label[part] == 2
    by_rank = np.where(second, 1, n_classes - 2) / (n_classes - 1)
    fits = [_fit(logits[part], right, np.zeros_like(second), 1.0)]
    if n_classes > 2:
        fits.append(_fit(logits[part], right, second, by_rank))
    best = max(fits, key=lambda fit: fit.gain)
    p_value = min(1.0, len(fits) * float(chi2.sf(2 * best.gain, 1)) / 2)
    return AccuracyCurve(_sigmoid(best.a * logits + best.b), float(best.lapse), p_value)


class _Fit(NamedTuple):
    """The best fit, and by how much the logarithm of its likelihood exceeds that of the best fit without a lapse."""

    gain: float
    a: float
    b: float
    lapse: float


def _fit(x: np.ndarray, right: np.ndarray, second: np.ndarray, of_lapses: np.ndarray | float) -> _Fit:
    """
    Args:
        x: (N,) logits of the confidence.
        right: (N,) bool.
        second: (N,) bool: the label is the second most probable class.
        of_lapses: (N,) the probability of the label's kind (second or not) for a lapse.
    """
    from scipy.optimize import minimize

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative log-likelihood, with a weak prior that keeps the curve finite if all are right, and its gradient."""
        a, b, lapse, share = parameters
        p = _sigmoid(a * x + b)
        of_mistakes = np.where(second, share, 1 - share)
        likelihood = np.where(right, (1 - lapse) * p, (1 - lapse) * (1 - p) * of_mistakes + lapse * of_lapses) + _TINY
        of_p = np.where(right, 1 - lapse, -(1 - lapse) * of_mistakes) / likelihood * p * (1 - p)
        of_lapse = np.where(right, -p, of_lapses - (1 - p) * of_mistakes) / likelihood
        of_share = np.where(right, 0, np.where(second, 1, -1) * (1 - lapse) * (1 - p)) / likelihood
        prior = ((a - 1) ** 2 + b**2) / 2
        return (
            float(prior - np.log(likelihood).sum()),
            np.array([a - 1 - (of_p * x).sum(), b - of_p.sum(), -of_lapse.sum(), -of_share.sum()]),
        )

    most = 1.0 if second.any() else 0.0
    share = float(second.sum()) / max(1, int((~right).sum()))
    plain, lapsing = (
        minimize(
            loss, (1.0, 0.0, lapse, share), jac=True, method="L-BFGS-B",
            bounds=((0, 20), (-20, 20), (0, most_lapses), (0, most)),
        )
        for lapse, most_lapses in ((0.0, 0.0), (0.01, _MOST_LAPSE))
    )  # fmt: skip
    gain = float(plain.fun - lapsing.fun)
    return _Fit(gain, *lapsing.x[:3]) if gain > 0 else _Fit(0.0, *plain.x[:3])


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, _LOW, _HIGH)))
