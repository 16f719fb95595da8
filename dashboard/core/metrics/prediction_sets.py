"""Prediction sets: for each image all classes that cannot be ruled out, so that the true one is nearly always among them."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

import numpy as np

from dashboard.core.errors import DatasetError
from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.intervals import Proportion, proportion
from dashboard.core.metrics.wilson import wilson

_BEYOND = 5  # images that set the limit and lie beyond it; fewer make it a matter of chance
_CLEARLY = 4.0  # standard deviations below what was asked; chance does this about once in 2,000 evaluations


@dataclass(frozen=True)
class PredictionSets:
    """The sets of M test images. A class belongs to the set of an image if 1 - its probability is <= its quantile."""

    confidence: float  # the share of images whose set should hold the true class, in (0, 1)
    by_class: bool  # True: this share is meant for the images of each class; False: for all images together
    quantiles: np.ndarray  # (K,) in [0, 1]; all equal unless `by_class`. 1: nothing can be ruled out, too few images
    n_calibration: np.ndarray  # (K,) images of each class that the quantiles were computed from
    members: np.ndarray  # (M, K) bool
    labels: np.ndarray  # (M,) true class ids

    @property
    def quantile(self) -> float:
        """The quantile of all classes; the largest one if each class has its own."""
        return float(self.quantiles.max())

    @property
    def sizes(self) -> np.ndarray:
        """(M,) classes in each set, in [0, K]."""
        return self.members.sum(axis=1)

    @property
    def mean_size(self) -> float:
        """The mean number of classes in a set."""
        return float(self.sizes.mean())

    @property
    def empty(self) -> Proportion:
        """The share of sets without a class. Their images resemble no class enough."""
        return proportion(int((self.sizes == 0).sum()), len(self.labels))

    @property
    def single(self) -> Proportion:
        """The share of sets with exactly one class."""
        return proportion(int((self.sizes == 1).sum()), len(self.labels))

    @property
    def covered(self) -> np.ndarray:
        """(M,) bool, True if the true class is in the set."""
        return self.members[np.arange(len(self.labels)), self.labels]

    @property
    def coverage(self) -> Proportion:
        """The share of sets that hold the true class."""
        return proportion(int(self.covered.sum()), len(self.labels))

    @property
    def rules_out_nothing(self) -> bool:
        """True if no limit rules out a class: there are too few images, or true classes have the probability 0."""
        return bool((self.quantiles >= 1).all())

    @property
    def holds(self) -> bool:
        """False if the sets hold the true class significantly less often than asked.

        If the test images are like the calibration images, the share of the test images that a quantile covers follows a
        beta-binomial distribution, because chance chose both.
        """
        n = self.n_calibration if self.by_class else np.array([self.n_calibration.sum()])
        m = np.bincount(self.labels, minlength=len(n)) if self.by_class else np.array([len(self.labels)])
        a = np.ceil((n + 1) * self.confidence)
        limited = a <= n  # else the class is in every set
        a, b, m_limited = a[limited], (n + 1 - a)[limited], m[limited]
        mean = m_limited * a / (a + b)
        variance = mean * b / (a + b) * (a + b + m_limited) / (a + b + 1)
        expected = mean.sum() + m[~limited].sum()
        return bool(self.covered.sum() >= expected - _CLEARLY * math.sqrt(variance.sum()))

    @property
    def _kind(self) -> str:
        return "a limit for each class" if self.by_class else "one limit for all classes"

    def warning(self) -> str:
        """What it means that the sets do not hold, in two sentences."""
        return (
            f"The sets with {self._kind} cannot be relied on: only {self.coverage} of them contain the true class, "
            f"instead of {100 * self.confidence:g}%. The images that set the limits and the others differ, by chance or because "
            "they are of different kinds."
        )

    def shortfall_by_chance(self) -> str:
        """What it means if the sets hold, although the interval of the coverage lies below what was asked; else ""."""
        if not self.holds or self.coverage.high >= self.confidence:
            return ""
        return (
            f"With {self._kind}, fewer than {100 * self.confidence:g}% of the sets contain the true class. Chance can explain it: "
            "the limit comes from a sample of images, too, which the interval does not count."
        )

    def class_coverage(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Test images of each class, the share whose set holds the class, and its 95% Wilson bounds; (K,) each.

        The last three are NaN for a class without test images.
        """
        k = len(self.quantiles)
        images = np.bincount(self.labels, minlength=k)
        covered = np.bincount(self.labels[self.covered], minlength=k)
        share = np.divide(covered, images, out=np.full(k, np.nan), where=images > 0)
        return images, share, *wilson(covered, images)


def prediction_sets(
    probs_cal: np.ndarray,
    y_cal: np.ndarray,
    probs_test: np.ndarray,
    y_test: np.ndarray,
    confidence: float = 0.95,
    by_class: bool = False,
) -> PredictionSets:
    """Computes the prediction sets of split conformal prediction (Vovk et al. 2005; Sadinle et al., arXiv 1609.00451).

    If the test images come from the same source as the calibration images, the set of a new image holds its true class
    with at least the probability `confidence`, whatever the model is. The p-values are those of crepes, not smoothed, so
    that the same images always get the same sets.

    Args:
        probs_cal, y_cal: probabilities (N, K) and true class ids (N,) to compute the quantiles from, N >= 1.
        probs_test, y_test: probabilities (M, K) and true class ids (M,) to build and measure the sets on, M >= 1.
        by_class: reach `confidence` for the images of each class (a quantile per class).

    Raises:
        ValueError: `confidence` is not between 0 and 1, or there are no images.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, but it must be between 0 and 1")
    if len(y_cal) == 0 or len(y_test) == 0:
        raise ValueError("prediction sets need images to calibrate on and images to test on")
    k = probs_cal.shape[1]
    scores = 1 - probs_cal[np.arange(len(y_cal)), y_cal]
    n_calibration = np.bincount(y_cal, minlength=k)
    if by_class:
        of_class = np.split(scores[np.argsort(y_cal, kind="stable")], np.cumsum(n_calibration)[:-1])
        quantiles = np.array([_largest_accepted(each, confidence) for each in of_class])
    else:
        quantiles = np.full(k, _largest_accepted(scores, confidence))
    return PredictionSets(
        confidence, by_class, quantiles, n_calibration, 1 - probs_test <= quantiles, np.asarray(y_test)
    )


def prediction_sets_on_halves(
    pred_probs: np.ndarray, labels: np.ndarray, confidence: float = 0.95, by_class: bool = False
) -> PredictionSets:
    """`prediction_sets` of probabilities (N, K) and labels (N,): one of the `halves` calibrates, the other is measured."""
    fit, check = halves(len(labels))
    return prediction_sets(pred_probs[fit], labels[fit], pred_probs[check], labels[check], confidence, by_class)


def check_enough_images(n_labelled: int, confidence: float) -> None:
    """Raises DatasetError if there are too few labelled images for prediction sets: one image would move the limit."""
    needed = 2 * math.ceil(_BEYOND / (1 - confidence) - 1e-9)  # without the last digits of a rounded share
    if n_labelled < needed:
        raise DatasetError(
            f"Prediction sets that contain the true class of {100 * confidence:g}% need at least {needed:,} labelled images, "
            f"but there are {n_labelled:,}. Half of them set the limit, and at least {_BEYOND} of these should lie beyond it.",
            "Evaluate more labelled images, use a wider filter, or ask for a smaller share.", "too_few_images",
        )  # fmt: skip


def _largest_accepted(scores: np.ndarray, confidence: float) -> float:
    """The largest score in [0, 1] that stays in a prediction set, given the scores (N,) of calibration images.

    crepes compares every score of every image with every calibration score, which takes a minute for 200,000 images.
    A p-value never rises with the score, so a few comparisons find the limit.
    """
    from crepes import ConformalClassifier

    classifier = ConformalClassifier().fit(scores)
    candidates = np.unique(np.append(scores, 1.0))

    def is_rejected(score: float) -> bool:
        return not classifier.predict_set(np.array([score]), confidence=confidence, smoothing=False)[0]

    return float(candidates[bisect.bisect_left(candidates, True, key=is_rejected) - 1])
