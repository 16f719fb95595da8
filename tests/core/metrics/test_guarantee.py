from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.core.metrics.guarantee import Guarantee, guarantee_on_halves, guaranteed_threshold
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.risk_coverage import risk_coverage


def test_by_hand() -> None:
    """For r = 50%, five images without an error are needed: 0.5 ** 5 < 5%.

    P(at most 1 error among n) = (n + 1) / 2 ** n is 6.3% for n = 7 and 3.5% for n = 8; P(at most 2 among 9) is 9.0%.
    """
    confidence = np.arange(20, 0, -1) / 20
    test = np.array([0.2, 0.7, 0.75, 0.9]), np.array([True, True, False, True])
    # the errors are the 9th and the 10th image
    correct = np.ones(20, bool)
    correct[[8, 9]] = False
    found = guaranteed_threshold(confidence, correct, 0.5, *test)
    # one error among 9: 10 / 512 = 2.0% passes; two among 10: 56 / 1024 = 5.5% fails
    assert found.threshold == confidence[8] == 0.6
    assert found.coverage is not None and (found.coverage.value, found.coverage.n) == (0.75, 4)
    assert found.risk is not None and found.risk.value == pytest.approx(1 / 3) and found.risk.n == 3
    assert found.risk.low < 1 / 3 < found.risk.high
    assert (found.n_calibration, found.n_test, found.reason) == (20, 4, "")
    # an error among the first five: nothing passes, although the later thresholds would
    correct = np.ones(20, bool)
    correct[4] = False
    found = guaranteed_threshold(confidence, correct, 0.5, *test)
    assert found.threshold is found.coverage is found.risk is None
    assert found.reason.startswith(
        "Of the 20 images that serve to choose a threshold, the 5 with the highest confidence have 1 wrong prediction."
    )
    assert found.reason.endswith("Evaluate more images, or allow a higher share of wrong predictions.")


def test_each_limit_is_the_one_of_scipy() -> None:
    """The limit is computed with another function than here."""
    from scipy.stats import binomtest

    rng = np.random.default_rng(2)
    confidence = rng.random(800)
    correct = rng.random(800) < 0.8 + 0.2 * confidence
    found = guaranteed_threshold(confidence, correct, 0.1, confidence, correct).threshold
    order = np.argsort(-confidence)
    last = None
    for n in range(29, 801):  # ln(0.05) / ln(0.9) = 28.4
        errors = int((~correct[order[:n]]).sum())
        limit = binomtest(errors, n, alternative="less").proportion_ci(0.95, method="exact").high
        if limit > 0.1:
            break
        last = confidence[order[n - 1]]
    assert last is not None and found == last


def test_images_with_equal_confidence_are_accepted_together() -> None:
    confidence = np.repeat([0.9, 0.8, 0.7], 20)
    correct = np.ones(60, bool)
    correct[45:] = False  # 15 errors at 0.7
    for order in (np.arange(60), np.random.default_rng(0).permutation(60)):
        found = guaranteed_threshold(confidence[order], correct[order], 0.2, confidence, correct)
        assert found.threshold == 0.8  # from 0.8 on: 0 errors of 40
        assert found.coverage is not None and found.coverage.value == pytest.approx(40 / 60)


def test_a_threshold_that_other_images_contradict_does_not_hold() -> None:
    confidence = np.linspace(0.5, 1, 400)
    chosen_on = confidence, np.ones(400, bool)
    few, many = np.arange(400) % 50 != 0, np.arange(400) % 20 != 0
    found = guaranteed_threshold(*chosen_on, 0.02, confidence, many)
    assert found.threshold is not None and found.risk is not None and found.risk.low > 0.02 and not found.holds
    assert found.in_words().startswith("No threshold can be relied on for at most 2% errors.")
    assert "fails on 400 others: 5.0% (3.3-7.6) of the predictions that it accepts are wrong." in found.in_words()
    assert guaranteed_threshold(*chosen_on, 0.02, confidence, few).holds
    assert not guaranteed_threshold(confidence, ~chosen_on[1], 0.02, confidence, few).holds


def test_too_few_images_say_so() -> None:
    confidence, correct = np.linspace(0, 1, 148), np.ones(148, bool)
    found = guaranteed_threshold(confidence, correct, 0.02, confidence, correct)
    assert found.threshold is None and "At least 149 images are needed" in found.reason and "only 148" in found.reason
    confidence, correct = np.linspace(0, 1, 149), np.ones(149, bool)
    assert guaranteed_threshold(confidence, correct, 0.02, confidence, correct).threshold == 0


def test_all_wrong_gives_nothing() -> None:
    confidence, correct = np.linspace(0, 1, 100), np.zeros(100, bool)
    assert guaranteed_threshold(confidence, correct, 0.9, confidence, correct).threshold is None


@pytest.mark.parametrize("max_error", [0, 1, -0.1, float("nan")])
def test_a_limit_out_of_range_is_refused(max_error: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        guarantee_on_halves(np.ones(4), np.ones(4, bool), max_error)


def test_on_the_reference(reference: Any) -> None:
    even, odd = ((reference.confidence[i::2], reference.correct[i::2]) for i in (0, 1))
    found = guaranteed_threshold(*even, 0.02, *odd)
    assert found.threshold == pytest.approx(0.967, abs=0.001)
    assert found.coverage is not None and found.coverage.value == pytest.approx(0.831, abs=5e-4)
    assert found.risk is not None and found.risk.value == pytest.approx(0.0159, abs=5e-5)
    assert (found.n_calibration, found.n_test) == (5000, 5000)


@pytest.mark.parametrize("steps", [None, 20], ids=["distinct confidences", "ties"])
def test_the_guarantee_holds_in_simulations(steps: int | None) -> None:
    """Confidence is uniform in [0.5, 1] and calibrated, so the true risk from t on is (1 - t) / 2.

    At most 5% of the thresholds may have a true risk above the limit. Taking the least threshold at which the measured
    risk is below the limit would often break the limit.
    """
    rng = np.random.default_rng(7)
    limit, runs = 0.1, 1000
    violations = naive_violations = found_any = 0
    for _ in range(runs):
        truth = 0.5 + rng.random(600) / 2
        confidence = truth if steps is None else 0.5 + np.floor((truth - 0.5) * 2 * steps) / (2 * steps)
        correct = rng.random(600) < truth
        found = guaranteed_threshold(confidence, correct, limit, confidence, correct).threshold
        found_any += found is not None
        violations += found is not None and (1 - found) / 2 > limit + 1e-9
        curve = risk_coverage(confidence, correct)
        naive = curve.thresholds[np.flatnonzero(curve.risk <= limit)[-1]] if (curve.risk <= limit).any() else 1.0
        naive_violations += (1 - naive) / 2 > limit + 1e-9
    assert found_any > 0.5 * runs
    assert violations <= 0.05 * runs + 3 * np.sqrt(0.05 * 0.95 * runs)
    assert naive_violations > 0.2 * runs


@pytest.mark.parametrize(
    "threshold, shown",
    [(0.9670831, "0.968"), (0.99845, "0.9985"), (0.9999991, "0.9999991"), (1.0, "1.000"), (0.5, "0.500")],
)
def test_a_threshold_is_shown_rounded_up(threshold: float, shown: str) -> None:
    """A stricter threshold passed the test, too; a laxer one may not have."""
    guarantee = Guarantee(0.02, threshold, proportion(1, 2), proportion(0, 2), 10, 10)
    number = guarantee.in_words().split(" at least ")[1].split(":")[0]
    assert float(number) >= threshold and number == shown


@pytest.mark.parametrize("n, said", [(0, "There are 0 labelled images, "), (1, "There is 1 labelled image, ")])
def test_less_than_two_images_say_so(n: int, said: str) -> None:
    found = guarantee_on_halves(np.ones(n), np.ones(n, bool), 0.02)
    assert found.threshold is None and found.in_words().startswith(said)
