from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.prediction_sets import check_enough_images, prediction_sets, prediction_sets_on_halves


def of_first_class(*probabilities: float) -> tuple[np.ndarray, np.ndarray]:
    """Images of class 0 to which a model of two classes gives these probabilities."""
    probs = np.array(probabilities)
    return np.stack([probs, 1 - probs], axis=1), np.zeros(len(probs), int)


def test_by_hand() -> None:
    cal = of_first_class(0.9, 0.8, 0.7, 0.6)
    probs = np.array([[0.75, 0.25], [0.55, 0.45], [0.35, 0.65]])
    # scores 0.1, 0.2, 0.3, 0.4; at least 50% of five ranks are the first three: quantile 0.3
    found = prediction_sets(*cal, probs, np.array([0, 1, 1]), confidence=0.5)
    assert found.quantile == pytest.approx(0.3)
    assert found.members.tolist() == [[True, False], [False, False], [False, False]]
    assert found.coverage.value == pytest.approx(1 / 3) and found.mean_size == pytest.approx(1 / 3)
    assert found.empty.value == pytest.approx(2 / 3) and found.single.value == pytest.approx(1 / 3)
    images, share, low, high = found.class_coverage()
    assert images.tolist() == [1, 2] and share.tolist() == [1, 0] and low[1] == 0 and high[0] == 1


@pytest.mark.parametrize("confidence, needed", [(0.9, 100), (0.95, 200), (0.99, 1000)])
def test_a_limit_needs_images_beyond_it(confidence: float, needed: int) -> None:
    check_enough_images(needed, confidence)
    with pytest.raises(DatasetError, match=f"at least {needed:,} labelled images"):
        check_enough_images(needed - 1, confidence)


def test_too_few_images_rule_nothing_out() -> None:
    found = prediction_sets(*of_first_class(0.9, 0.8, 0.7), *of_first_class(0.2, 1.0), confidence=0.95)
    assert found.quantile == 1 and found.members.all() and found.coverage.value == 1


def test_the_quantile_is_the_one_of_the_formula() -> None:
    rng = np.random.default_rng(3)
    for n, confidence in ((50, 0.9), (333, 0.95), (1000, 0.8), (77, 0.6)):
        probs, labels = of_first_class(*rng.random(n))
        expected = np.sort(1 - probs[:, 0])[math.ceil((n + 1) * confidence) - 1]
        assert prediction_sets(probs, labels, probs, labels, confidence).quantile == expected


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("digits", [None, 1], ids=["distinct", "ties"])
def test_the_sets_are_those_of_crepes(made: Any, confidence: float, digits: int | None) -> None:
    from crepes import ConformalClassifier
    from crepes.extras import hinge

    probs = made.probs if digits is None else made.probs.round(digits)
    fit, check = halves(len(probs))
    test, labels, of_fit = probs[check], made.labels, made.labels[fit]
    scores = hinge(probs[fit], np.arange(4), of_fit)
    plain = ConformalClassifier().fit(scores).predict_set(hinge(test), confidence=confidence, smoothing=False)
    assert np.array_equal(prediction_sets_on_halves(probs, labels, confidence).members, plain)
    classifier = ConformalClassifier().fit(scores, bins=of_fit)
    of_class = [
        classifier.predict_set(hinge(test), bins=np.full(len(test), k), confidence=confidence, smoothing=False)[:, k]
        for k in range(4)
    ]
    found = prediction_sets_on_halves(probs, labels, confidence, by_class=True)
    assert np.array_equal(found.members, np.stack(of_class, axis=1))
    assert found.n_calibration.tolist() == np.bincount(of_fit).tolist()


def test_a_class_without_calibration_images_is_in_every_set() -> None:
    probs = np.tile([0.98, 0.02], (40, 1))
    found = prediction_sets(probs, np.zeros(40, int), probs, np.zeros(40, int), 0.9, by_class=True)
    assert found.quantiles[1] == 1 and found.n_calibration.tolist() == [40, 0]
    assert found.members.all() and np.isnan(found.class_coverage()[1][1])


def test_half_the_images_of_the_reference(reference: Any) -> None:
    rows = reference.probs[::2], reference.labels[::2], reference.probs[1::2], reference.labels[1::2]
    found = prediction_sets(*rows)
    assert found.quantile == pytest.approx(0.797937, abs=5e-7)
    assert found.coverage.value == 0.9532 and found.mean_size == pytest.approx(1.0680)
    at_90 = prediction_sets(*rows, 0.9)
    by_class = prediction_sets(*rows, 0.9, by_class=True)
    assert at_90.empty.value == pytest.approx(0.059, abs=5e-4)
    assert at_90.class_coverage()[1].min() == pytest.approx(0.77, abs=0.005)
    assert by_class.class_coverage()[1].min() == pytest.approx(0.88, abs=0.005)


@pytest.mark.parametrize("confidence", [0, 1, 1.5])
def test_a_confidence_out_of_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        prediction_sets(*of_first_class(0.9), *of_first_class(0.9), confidence=confidence)


def test_sets_hold_unless_they_cover_significantly_less_than_asked() -> None:
    rng = np.random.default_rng(1)
    for n, by_class in ((400, False), (400, True), (40, True)):
        held = 0
        for _ in range(200):
            probs, labels = np.split(rng.dirichlet([1, 1, 1], 2 * n), 2), np.split(rng.integers(0, 3, 2 * n), 2)
            held += prediction_sets(probs[0], labels[0], probs[1], labels[1], 0.9, by_class).holds
        assert held >= 199
    easy, hard = of_first_class(*rng.uniform(0.8, 1, 400)), of_first_class(*rng.uniform(0.6, 1, 400))
    for by_class in (False, True):
        found = prediction_sets(*easy, *hard, 0.9, by_class)
        assert not found.holds and found.warning().startswith("The sets with ") and not found.shortfall_by_chance()


def test_less_coverage_than_asked_is_told_also_if_chance_explains_it() -> None:
    probs, test = (of_first_class(*np.random.default_rng(seed).random(n)) for seed, n in ((0, 400), (1001, 1500)))
    found = prediction_sets(*probs, *test, 0.95)
    assert found.holds and found.coverage.high < 0.95
    assert found.shortfall_by_chance().startswith("With one limit for all classes, fewer than 95% of the sets contain")
    assert prediction_sets(*probs, *test, 0.9).shortfall_by_chance() == ""


def test_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match="need images"):
        prediction_sets_on_halves(*of_first_class(0.9))
