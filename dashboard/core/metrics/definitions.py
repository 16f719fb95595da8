"""The metrics of an evaluation: their names, and one sentence about each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from dashboard.core.metrics.percent import decimals_apart, in_percent, percent, rounded

_LEAST_PER_BIN = 10  # images on average, for a calibration error


@dataclass(frozen=True)
class Definition:
    """A metric."""

    name: str  # in JSON and in files of checks
    title: str  # on the page and in reports
    explanation: str  # one sentence
    higher_is_better: bool = True
    percent: bool = True  # shown as a percentage; otherwise with three decimals
    of_confidence: bool = False  # needs probabilities, not only predicted labels
    of_several_labels: bool = False  # says nothing about images that all have the same label; see `Score`
    bins: int = 0  # of confidence, in which it compares confidence and accuracy
    least: float = 0.0  # possible value
    most: float = 1.0

    def text(self, value: float, decimals: int | None = None) -> str:
        """The value as it is shown, with one decimal in percent or else three, or as many as asked for; "-" for NaN."""
        if math.isnan(value):
            return "-"
        return percent(value, decimals or 1) if self.percent else f"{rounded(value, decimals or 3):f}"

    def decimals_apart(self, value: float, limit: float) -> int:
        """How many decimals `text` needs so that the value and a limit read differently, unless they are equal."""
        return decimals_apart(100 * value, 100 * limit, 1) if self.percent else decimals_apart(value, limit, 3)

    def decimals(self, *values: float) -> int:
        """How many decimals `text` gives to the one of these values that needs most: 99.97% needs two, not to read 100%."""
        if not self.percent:
            return 3
        return min(3, max((decimals_apart(100 * value, 100, 1) for value in values if value < 1), default=1))

    def difference_decimals(self, low: float, high: float) -> int:
        """How many decimals, up to three more than usual, tell whether an interval of differences contains 0."""
        least = 1 if self.percent else 3
        if math.isnan(low):
            return least
        return min(max(self.decimals_apart(bound, 0) for bound in (low, high)), least + 3)

    def difference(self, value: float, decimals: int | None = None) -> str:
        """A difference of two values, with its sign, in points if in percent; "-" for NaN."""
        if math.isnan(value):
            return "-"
        return f"{rounded(100 * value, decimals or 1):+f}" if self.percent else f"{rounded(value, decimals or 3):+f}"

    def difference_as_shown(self, before: float, after: float, decimals: int | None = None) -> str:
        """The difference of two values as `text` shows them, so that readers who subtract find the same; "-" for NaN."""
        if math.isnan(before) or math.isnan(after):
            return "-"
        shown = (
            Decimal(in_percent(each, decimals or 1)) if self.percent else rounded(each, decimals or 3)
            for each in (after, before)
        )
        return f"{next(shown) - next(shown):+f}"

    def interval(self, low: float, high: float, n: int) -> str:
        """An interval of values from n images, with `chance_note`; "-" for NaN."""
        return f"{self.bounds(low, high)}{'' if math.isnan(low) else self._in_brackets(n)}"

    def bounds(self, low: float, high: float) -> str:
        """An interval of values without a note; "-" for NaN."""
        return "-" if math.isnan(low) else f"{self.text(low)} to {self.text(high)}"

    def difference_interval(self, low: float, high: float, n: int) -> str:
        """An interval of differences, with `chance_note` for n images; "-" for NaN."""
        return f"{self.difference_bounds(low, high)}{'' if math.isnan(low) else self._in_brackets(n)}"

    def difference_bounds(self, low: float, high: float, decimals: int | None = None) -> str:
        """An interval of differences without a note, with the decimals that tell whether it contains 0; "-" for NaN."""
        if math.isnan(low):
            return "-"
        decimals = decimals or self.difference_decimals(low, high)
        return f"{self.difference(low, decimals)} to {self.difference(high, decimals)}"

    def chance_note(self, n: int) -> str:
        """Why the value from n images says little; "" if it does say something.

        The distances in the bins are never negative, so that chance alone makes their mean large where bins have few images.
        """
        return f"fewer than {_LEAST_PER_BIN} images per bin: mostly chance" if n < _LEAST_PER_BIN * self.bins else ""

    def _in_brackets(self, n: int) -> str:
        note = self.chance_note(n)
        return f" ({note})" if note else ""


def _top(k: int) -> Definition:
    return Definition(
        f"top{k}", f"Top-{k} accuracy", f"Share of images whose label is among the {k} most probable classes.",
        of_confidence=True,
    )  # fmt: skip


def _error(name: str, title: str, explanation: str, most: float = 1.0) -> Definition:
    """A metric of the probabilities that should be low."""
    return Definition(name, title, explanation, higher_is_better=False, percent=False, of_confidence=True, most=most)


def _calibration_error(name: str, title: str, explanation: str, bins: int) -> Definition:
    return Definition(name, title, explanation, higher_is_better=False, of_confidence=True, bins=bins)


METRICS = (
    Definition("accuracy", "Accuracy", "Share of images whose predicted class is their label."),
    _top(2),
    _top(3),
    _top(5),
    Definition(
        "balanced_accuracy", "Balanced accuracy", "Mean recall of the classes, each class counts equally.",
        of_several_labels=True,
    ),
    Definition(
        "macro_f1", "Macro F1",
        "Mean F1 of the classes, each class counts equally. In a single evaluation, one that is predicted but has no images "
        "counts as 0; in a comparison, only classes with images on each side count.",
        of_several_labels=True,
    ),
    Definition(
        "weighted_f1", "Weighted F1", "Mean F1 of the classes, weighted by their number of images.",
        of_several_labels=True,
    ),
    Definition(
        "mcc", "Matthews correlation", "Correlation of labels and predictions: 1 is perfect, 0 is chance.",
        percent=False, of_several_labels=True, least=-1.0,
    ),
    Definition(
        "cohen_kappa", "Cohen's kappa", "Agreement of labels and predictions beyond chance: 1 is perfect, 0 is chance.",
        percent=False, of_several_labels=True, least=-1.0,
    ),
    _error(
        "log_loss", "Log loss",
        "Mean of -ln(probability of the label): confident mistakes cost the most. A probability below 2e-16 counts as 2e-16.",
        most=math.inf,
    ),
    _error(
        "brier", "Brier score", "Mean squared error of the probabilities, summed over the classes; from 0 to 2.", most=2.0
    ),
    _calibration_error(
        "ece15", "Calibration error (ECE)",
        "Mean distance between confidence and accuracy, in 15 bins of equal width.", bins=15,
    ),
    _calibration_error(
        "ece15_equal_mass", "ECE, equal-mass bins",
        "Mean distance between confidence and accuracy, in 15 bins with equally many images.", bins=15,
    ),
    _calibration_error(
        "ece10", "ECE, 10 bins", "Mean distance between confidence and accuracy, in 10 bins of equal width.",
        bins=10,
    ),
    _error("aurc", "Risk-coverage area (AURC)", "Mean error rate when only the most confident images count, over all coverages."),
)  # fmt: skip


def chance_notes(images: Mapping[str, int]) -> str:
    """A sentence about the metrics that say little with so few images; "" if there are none.

    Args:
        images: the number of images by the name of the metric.
    """
    titles: dict[str, list[str]] = {}
    for metric in METRICS:
        if metric.name in images and (note := metric.chance_note(images[metric.name])):
            titles.setdefault(note, []).append(metric.title)
    return " ".join(f"{note[:1].upper()}{note[1:]} ({'; '.join(each)})." for note, each in titles.items())


BY_NAME = {metric.name: metric for metric in METRICS}
OF_FEW_IMAGES = (
    "Those of balanced accuracy, F1, correlation and kappa are wider where a class has few images: no mistake in them so far "
    "does not mean that there will be none."
)
ONE_LABEL = "A dash stands for a metric that says nothing, because all images have the same label."
