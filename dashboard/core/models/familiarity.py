"""Two scores for whether a picture shows any of the classes, and the thresholds from which on a model doubts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from pydantic import ConfigDict

Score = Literal["energy", "msp"]


def energy(logits: np.ndarray) -> np.ndarray:
    """-logsumexp of logits (N, K): low for pictures like those that the model was trained on (Liu et al., arXiv 2010.03759, section 3.1). (N,)."""
    logits = np.asarray(logits, np.float64)
    peak = logits.max(axis=1)
    return -(peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1)))


@dataclass(frozen=True)
class Familiarity:
    """The thresholds of a model version, fitted on images of its classes that it was not trained on."""

    kept: float  # share of such images that pass each threshold, in (0, 1)
    max_energy: float  # of the logits, as they leave the network
    min_msp: float  # maximum softmax probability, calibrated (Hendrycks & Gimpel, arXiv 1610.02136)
    decides: Score  # the score that recognised foreign pictures better when both were fitted
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if not (0 < self.kept < 1 and np.isfinite([self.max_energy, self.min_msp]).all()):
            raise ValueError(f"thresholds that make no sense: {self}")
        if self.decides not in get_args(Score):
            raise ValueError(f"unknown score {self.decides!r}")

    def doubts(self, logits: np.ndarray, pred_probs: np.ndarray) -> Doubt:
        """Both scores of one image with logits (K,) and calibrated probabilities (K,), compared with the thresholds."""
        found_energy, msp = float(energy(logits[None])[0]), float(pred_probs.max())
        by_score: dict[Score, bool] = {"energy": found_energy > self.max_energy, "msp": msp < self.min_msp}
        return Doubt(found_energy, msp, by_score["energy"], by_score["msp"], by_score[self.decides])


@dataclass(frozen=True)
class Doubt:
    """The two scores of an image compared with the thresholds."""

    energy: float
    msp: float
    by_energy: bool
    by_msp: bool
    unknown: bool  # by the score that decides: probably none of the classes


def fit_familiarity(logits: np.ndarray, pred_probs: np.ndarray, decides: Score, kept: float = 0.95) -> Familiarity:
    """Thresholds that the share `kept` of these images passes; (N, K) each, of images that were not used in training."""
    return Familiarity(
        kept,
        max_energy=float(np.quantile(energy(logits), kept)),
        min_msp=float(np.quantile(pred_probs.max(axis=1), 1 - kept)),
        decides=decides,
    )


def auroc(score_known: np.ndarray, score_strange: np.ndarray) -> float:
    """Probability that a foreign image has a higher score than a known one, in [0, 1] (AUROC); 0.5 is chance."""
    from sklearn.metrics import roc_auc_score

    strange = np.concatenate([np.zeros(len(score_known)), np.ones(len(score_strange))])
    return float(roc_auc_score(strange, np.concatenate([score_known, score_strange])))
