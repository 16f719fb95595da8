"""Every metric of an evaluation with its 95% interval, and every difference between two evaluations.

Shares (accuracy, top-k) have Wilson's interval. All others have a bootstrap interval: images are drawn with replacement,
and both evaluations of a pair see the same draw (Efron, Tibshirani: An introduction to the bootstrap, 1993, chapter 13).
Metrics of labels and predicted classes, such as macro F1, reach at least as far as `limits_of_recalls` says, since a
bootstrap knows nothing about classes without errors.

Paired differences of shares have the interval of `paired_difference`. Other paired differences have a bootstrap interval
if the answers to at least `LEAST_DIFFERENT` images differ. Differences of independent evaluations have the interval that
follows from those of both, see `difference_limits`. If every draw gives the same, there is none but that of
`limits_of_recalls`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dashboard.core.metrics.answers import Answers, over_same_classes
from dashboard.core.metrics.definitions import BY_NAME, METRICS
from dashboard.core.metrics.intervals import Proportion, difference_limits, proportion
from dashboard.core.metrics.paired import paired_difference
from dashboard.core.metrics.recall_limits import limits_of_recalls
from dashboard.core.metrics.weighted import SHARES, WeightedMetrics

RESAMPLES = 1000
MOST_RESAMPLED = 10_000  # of more images, a random part is resampled, and the interval made narrower in proportion
LEAST_DIFFERENT = 10  # images whose answers differ; a bootstrap of fewer calls chance significant
_BLOCK = 1_000_000  # weights in memory at once
_NO_WIDTH = 1e-12  # differences of resamples that are rounding errors
_LIMITS = (2.5, 97.5)  # percent
_BIASED = (
    "ece15", "ece15_equal_mass", "ece10",  # too large on average, because they sum absolute differences
    "macro_f1", "weighted_f1",  # of resamples, which lack some images of a class, too small on average
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """A metric, or a difference of metrics, with its 95% interval.

    The three are NaN if all images have the same label and the metric needs several, so that nobody takes them for figures.
    The interval is NaN if nothing can be said about it.
    """

    value: float
    low: float
    high: float
    n: int  # images

    @property
    def is_meaningful(self) -> bool:
        """It is a figure."""
        return not math.isnan(self.value)

    @property
    def has_interval(self) -> bool:
        """Something can be said about the interval."""
        return not math.isnan(self.low)

    @property
    def excludes_zero(self) -> bool:
        """The interval lies on one side of 0, so that a difference is significant."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Compared:
    """The metrics of two evaluations, and the differences `b` minus `a` of those that are defined for both; by name."""

    a: dict[str, Score]
    b: dict[str, Score]
    differences: dict[str, Score]


def scores(answers: Answers) -> dict[str, Score]:
    """The metrics of `METRICS` that are defined for these images, by name; none if there are no images.

    Metrics of probabilities are left out if there are no probabilities.
    """
    n = len(answers)
    if not n:
        return {}
    resamples = _Resamples(n)
    return _meaningful(resamples.scores(answers, *resamples.values(answers)), n, answers)


def compared(a: Answers, b: Answers, paired: bool = True) -> Compared:
    """The metrics of both with their intervals, and their differences. Macro averages are over the same classes.

    Args:
        a, b: if `paired`, two answers for each of the same images, in the same order. Otherwise the images are
            different ones, each side is resampled on its own, and the `n` of a difference counts the images of both.

    Raises:
        ValueError: they are paired, but not equally many.
    """
    if paired and len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} answers are not about the same images")
    if not len(a) or not len(b):
        return Compared(scores(a), scores(b), {})
    a, b = over_same_classes(a, b)
    of_a = _Resamples(len(a))
    of_b = of_a if paired else _Resamples(len(b), seed=2)
    (values_a, drawn_a), (values_b, drawn_b) = of_a.values(a), of_b.values(b)
    scores_a, scores_b = of_a.scores(a, values_a, drawn_a), of_b.scores(b, values_b, drawn_b)
    n = len(a) if paired else len(a) + len(b)
    found = {}
    for name in values_a:
        if name in values_b:
            value = values_b[name] - values_a[name]
            if not paired:
                limits = difference_limits(value, scores_a[name], scores_b[name])
            elif name in SHARES:
                limits = paired_difference(_within(a, SHARES[name]), _within(b, SHARES[name]))
            elif _n_different(name, a, b) < LEAST_DIFFERENT:
                limits = math.nan, math.nan
            else:
                limits = _interval("", value, drawn_b[name] - drawn_a[name])
            found[name] = Score(value, *limits, n)
    return Compared(_meaningful(scores_a, len(a), a), _meaningful(scores_b, len(b), b), _meaningful(found, n, a, b))


def mean_score(values: np.ndarray) -> Score:
    """The mean of one value for each image, (N,), N >= 1. Differences of two evaluations of the same images are paired."""
    resamples = _Resamples(len(values))
    mean = float(values.mean())
    return Score(mean, *_interval("", mean, resamples.means(values)), len(values))


def says_nothing(name: str, answers: Answers) -> bool:
    """Whether the metric of this name needs several labels, and these answers have one only."""
    return BY_NAME[name].of_several_labels and answers.has_one_label


def _meaningful(found: dict[str, Score], n: int, *sides: Answers) -> dict[str, Score]:
    """The scores of n images; those that say nothing about one of the sides without figures."""
    nothing = [name for name in BY_NAME if any(says_nothing(name, side) for side in sides)]
    return found | dict.fromkeys(nothing, Score(math.nan, math.nan, math.nan, n))


class _Resamples:
    """The same draws for everything that is computed with it."""

    def __init__(self, n: int, seed: int = 0) -> None:
        self._n, self._seed = n, seed
        rng = np.random.default_rng(seed)
        self._part = np.arange(n) if n <= MOST_RESAMPLED else np.sort(rng.choice(n, MOST_RESAMPLED, replace=False))

    def values(self, answers: Answers) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Each defined metric, and how far it is from that in each resample of all images (RESAMPLES,)."""
        metrics = WeightedMetrics(answers)
        whole = {name: float(value[0]) for name, value in metrics.values(np.ones((1, self._n))).items()}
        few = len(self._part)
        if few < self._n:
            metrics = WeightedMetrics(answers.take(self._part))
        centre = metrics.values(np.ones((1, few)))
        blocks = [metrics.values(counts.astype(float)) for counts in self._counts]
        defined = [metric.name for metric in METRICS if not math.isnan(whole.get(metric.name, math.nan))]
        narrower = math.sqrt(few / self._n)
        drawn = {
            name: (np.concatenate([block[name] for block in blocks]) - centre[name]) * narrower for name in defined
        }
        return {name: whole[name] for name in defined}, drawn

    def means(self, values: np.ndarray) -> np.ndarray:
        """How far the mean of values (N,) of the images is from that of all in each resample (RESAMPLES,)."""
        part = values[self._part]
        drawn = np.concatenate([counts @ part for counts in self._counts]) / len(part)
        return np.asarray((drawn - part.mean()) * math.sqrt(len(part) / self._n))

    @cached_property
    def _counts(self) -> list[np.ndarray]:
        """How often each image was drawn, (B, images) each, for some resamples after the other."""
        rng, few = np.random.default_rng(self._seed + 1), len(self._part)
        at_once = max(1, _BLOCK // few)
        blocks = []
        for start in range(0, RESAMPLES, at_once):
            count = min(at_once, RESAMPLES - start)
            drawn = rng.integers(0, few, (count, few)) + few * np.arange(count)[:, None]
            blocks.append(np.bincount(drawn.ravel(), minlength=count * few).reshape(count, few).astype(np.uint16))
        return blocks

    def scores(self, answers: Answers, values: dict[str, float], drawn: dict[str, np.ndarray]) -> dict[str, Score]:
        """The metrics with their intervals, from what `values` gives."""
        found, n = {}, self._n
        of_recalls = limits_of_recalls(answers)
        for name, value in values.items():
            if name in SHARES:
                share = _share(value, n)
                found[name] = Score(value, share.low, share.high, n)
            else:
                low, high = _interval(name, value, drawn[name])
                if name in of_recalls:
                    low, high = np.fmin(low, of_recalls[name][0]), np.fmax(high, of_recalls[name][1])
                    low, high = max(BY_NAME[name].least, float(low)), min(BY_NAME[name].most, float(high))
                found[name] = Score(value, low, high, n)
        return found


def _share(value: float, n: int) -> Proportion:
    return proportion(round(value * n), n)


def _within(answers: Answers, k: int) -> np.ndarray:
    """(N,) bool: the label is among the k most probable classes."""
    return answers.correct if k == 1 or not answers.probabilities else answers.probabilities.rank_of_label <= k


def _n_different(name: str, a: Answers, b: Answers) -> int:
    """How many images have two answers that differ in what this metric looks at."""
    differs = a.predicted_ids != b.predicted_ids
    if BY_NAME[name].of_confidence and a.probabilities and b.probabilities:
        pairs = zip(vars(a.probabilities).values(), vars(b.probabilities).values(), strict=True)
        differs = np.any([differs, *(of_a != of_b for of_a, of_b in pairs)], axis=0)
    return int(differs.sum())


def _varies(drawn: np.ndarray) -> bool:
    """Whether more than a few resamples are different."""
    low, high = np.percentile(drawn[~np.isnan(drawn)], _LIMITS)
    return bool(high - low > _NO_WIDTH)


def _interval(name: str, value: float, drawn: np.ndarray) -> tuple[float, float]:
    """The 95% interval of a metric from how far it is away in each resample; NaN if it is equally far in all of them."""
    if not _varies(drawn):
        return math.nan, math.nan
    drawn = drawn[~np.isnan(drawn)]
    if name in _BIASED:  # each resample adds the bias once more, so its mean estimates the bias of the value
        half, bias = 1.96 * float(drawn.std()), float(drawn.mean())
        low, high = value - half - max(0.0, bias), value + half - min(0.0, bias)
        return max(BY_NAME[name].least, low), min(BY_NAME[name].most, high)
    down, up = np.percentile(drawn, _LIMITS)
    return value + float(down), value + float(up)
