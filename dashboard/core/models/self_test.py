"""Tests whether a model gives sensible answers for a few labelled samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from dashboard.core.errors import DatasetError
from dashboard.core.labels.matching import match_labels
from dashboard.core.metrics.intervals import Proportion, proportion
from dashboard.core.metrics.other_order import OtherOrder, other_order
from dashboard.core.metrics.percent import percent
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion, if_it_came_with_us

CLEARLY = 0.05  # significance level of the one-sided sign test between two self-tests
SURPRISE = 0.01  # warn if a model of the stated accuracy would give such a poor result with a lower probability
_BY_CHANCE = 0.05  # significance level of another order of the classes

Predict = Callable[[ModelVersion, Sequence[bytes]], list[Prediction | Failure]]


@dataclass(frozen=True)
class LabelledFile:
    """A sample image; the name of its folder is its label."""

    label: str
    data: bytes
    source: Path | None = None  # the dataset that it is from


@dataclass(frozen=True)
class SelfTest:
    """The results of a model version on the readable samples."""

    correct: tuple[bool, ...]  # per sample
    answer: str  # the most frequent predicted label
    share: float  # share of the samples with that predicted label, in (0, 1]
    classes: int  # number of different true labels
    class_names: tuple[str, ...] = ()  # of the model
    true: tuple[int, ...] = ()  # per sample, the class id of its label
    predicted: tuple[int, ...] = ()  # per sample

    @property
    def right(self) -> int:
        """Number of correct predictions."""
        return sum(self.correct)

    @property
    def accuracy(self) -> Proportion:
        """Share of correct predictions."""
        return proportion(self.right, len(self.correct))

    def better_than_guessing(self) -> bool:
        """True if guessing among the labels of the samples would hardly be right as often."""
        return self.accuracy.low > 1 / max(2, self.classes)

    def in_other_order(self) -> tuple[OtherOrder, SelfTest] | None:
        """The order of the class names that fits the samples clearly better, and what would be right in it."""
        k = len(self.class_names)
        confusion = np.zeros((k, k), np.int64)
        np.add.at(confusion, (list(self.true), list(self.predicted)), 1)
        order = other_order(confusion)
        if order is None or order.p_value >= _BY_CHANCE:
            return None
        right = tuple(order.place.get(a, a) == b for a, b in zip(self.true, self.predicted, strict=True))
        return order, replace(self, correct=right, class_names=order.applied(self.class_names))


@dataclass(frozen=True)
class Verdict:
    """What the self-test says about the model."""

    status: Literal["ok", "warning", "error"]
    summary: str


def self_test(version: ModelVersion, samples: Sequence[LabelledFile], predict: Predict) -> SelfTest:
    """Predicts the samples and compares the predictions with the labels.

    Args:
        samples: every label must be a class of the model.
        predict: works as `Inference.predict`; its errors are raised unchanged.

    Raises:
        DatasetError: no sample can be read.
    """
    class_of = match_labels((s.label for s in samples), version.class_names).class_of
    answers = predict(version, [s.data for s in samples])
    pairs = [
        (version.class_names.index(label), answer.class_id)
        for sample, answer in zip(samples, answers, strict=True)
        if isinstance(answer, Prediction) and (label := class_of[sample.label]) is not None
    ]
    if not pairs:
        raise _none_can_be_read(samples, answers)
    true, predicted = zip(*pairs, strict=True)
    most, count = Counter(predicted).most_common(1)[0]
    correct = tuple(a == b for a, b in pairs)
    names = version.class_names
    return SelfTest(correct, names[most], count / len(pairs), len(set(true)), names, true, predicted)


def _none_can_be_read(samples: Sequence[LabelledFile], answers: Sequence[Prediction | Failure]) -> DatasetError:
    why = next((f" The first: {each.message}" for each in answers if isinstance(each, Failure)), "")
    source = samples[0].source if samples else None
    fix = f"Replace those in {source} by images that can be opened." if source else "Give images that can be opened."
    return DatasetError(
        f"None of the sample images can be read.{why}", fix + (if_it_came_with_us(source) if source else "")
    )


def best_of(tests: Mapping[str, SelfTest]) -> str:
    """The name of the test with the most right answers, the first of several; "" if there are no tests."""
    return max(tests, key=lambda name: tests[name].right, default="")


def clearly_better(a: SelfTest, b: SelfTest, level: float = CLEARLY) -> bool:
    """True if `a` is significantly more often right than `b` on the same samples (one-sided sign test)."""
    from scipy.stats import binomtest

    only_a = sum(x and not y for x, y in zip(a.correct, b.correct, strict=True))
    only_b = sum(y and not x for x, y in zip(a.correct, b.correct, strict=True))
    return only_a > only_b and bool(binomtest(only_a, only_a + only_b, alternative="greater").pvalue < level)


def judge(test: SelfTest, version: ModelVersion) -> Verdict:
    """Error: the model guesses or always answers one class. Warning: it may guess, or is far below its accuracy."""
    n = test.accuracy.n
    if test.share == 1 and test.classes > 1:
        return Verdict("error", f"{version.ref} predicts {test.answer!r} for 100% of the samples, whatever they show")
    right = f"is right for {test.accuracy} of {n} labelled samples"
    chance, stated = 1 / len(version.class_names), version.accuracy
    surprising = stated is not None and _chance_of_at_most(test.right, n, stated) < SURPRISE
    if test.accuracy.low <= chance:
        mostly = f"it predicts {test.answer!r} for {percent(test.share, 0)} of them"
        if surprising or test.accuracy.value <= chance:
            return Verdict("error", f"{version.ref} {right}, no better than guessing; {mostly}")
        return Verdict("warning", f"{version.ref} {right}, too few to rule out guessing; {mostly}")
    if surprising and stated is not None:
        return Verdict("warning", f"{version.ref} {right}, although its model.json states {percent(stated)}")
    return Verdict("ok", f"{version.ref} {right}")


def _chance_of_at_most(right: int, n: int, stated: float) -> float:
    from scipy.stats import binomtest

    return float(binomtest(right, n, stated, alternative="less").pvalue)
