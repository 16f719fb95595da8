"""Does an image show any of the classes at all? Two scores, each with a threshold beyond which a model doubts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from pydantic import ConfigDict

Score = Literal["energy", "msp"]


def energy(logits: np.ndarray) -> np.ndarray:
    """-logsumexp of logits (N, K), as (N,): low for familiar images (Liu et al., arXiv 2010.03759, section 3.1)."""
    logits = np.asarray(logits, np.float64)
    peak = logits.max(axis=1)
    return -(peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1)))


@dataclass(frozen=True)
class Familiarity:
    """The thresholds of a model version, fitted on images of its classes that it was not trained on."""

    kept: float  # share of these images that each threshold accepts, in (0, 1)
    max_energy: float  # of the logits, before the temperature
    min_msp: float  # maximum softmax probability, calibrated (Hendrycks & Gimpel, arXiv 1610.02136)
    decides: Score  # the score that detected unfamiliar images better when both were fitted
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if not (0 < self.kept < 1 and np.isfinite([self.max_energy, self.min_msp]).all()):
            raise ValueError(f"invalid thresholds: {self}")
        if self.decides not in get_args(Score):
            raise ValueError(f"unknown score {self.decides!r}")

    def doubts(self, logits: np.ndarray, pred_probs: np.ndarray) -> Doubt:
        """Compares both scores of one image with the thresholds; logits (K,), calibrated probabilities (K,)."""
        found_energy, msp = float(energy(logits[None])[0]), float(pred_probs.max())
        by_score: dict[Score, bool] = {"energy": found_energy > self.max_energy, "msp": msp < self.min_msp}
        return Doubt(found_energy, msp, by_score["energy"], by_score["msp"], by_score[self.decides])

    def unknown(self, logits: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
        """(N,) bool: `Doubt.unknown` of N images; logits (N, K), calibrated probabilities (N, K)."""
        return energy(logits) > self.max_energy if self.decides == "energy" else pred_probs.max(axis=1) < self.min_msp


@dataclass(frozen=True)
class Doubt:
    """Both scores of an image, and whether each is beyond its threshold."""

    energy: float
    msp: float
    by_energy: bool
    by_msp: bool
    unknown: bool  # by the deciding score: the image probably shows none of the classes


def fit_familiarity(logits: np.ndarray, pred_probs: np.ndarray, decides: Score, kept: float = 0.95) -> Familiarity:
    """Thresholds that accept the share `kept` of these images, (N, K) each. Use images that were not trained on."""
    return Familiarity(
        kept,
        max_energy=float(np.quantile(energy(logits), kept)),
        min_msp=float(np.quantile(pred_probs.max(axis=1), 1 - kept)),
        decides=decides,
    )


def auroc(score_known: np.ndarray, score_strange: np.ndarray) -> float:
    """Probability, in [0, 1], that an unfamiliar image scores higher than a known one; 0.5 means no separation."""
    from sklearn.metrics import roc_auc_score

    strange = np.concatenate([np.zeros(len(score_known)), np.ones(len(score_strange))])
    return float(roc_auc_score(strange, np.concatenate([score_known, score_strange])))
