from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.analysis.findings.accuracy_curve import accuracy_curve


def answers(
    n: int, lapse: float, sharpness: float, of_lapses: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence, rank of the label among three classes, and how often answers are right without wrong labels.

    Of the mistakes, 70% are images of the second most probable class; of the lapses, the share `of_lapses`.
    """
    rng = np.random.default_rng(0)
    right = rng.uniform(0.5, 0.999, n)
    odds = (right / (1 - right)) ** sharpness
    correct = rng.random(n) < (1 - lapse) * right
    of_wrong = lapse / (1 - (1 - lapse) * right)  # share of lapses
    second = rng.random(n) < of_wrong * of_lapses + (1 - of_wrong) * 0.7
    return odds / (1 + odds), np.where(correct, 1, np.where(second, 2, 3)), right


@pytest.mark.parametrize("of_lapses", [0.5, 0.7], ids=["at random", "similar classes"])
@pytest.mark.parametrize("lapse", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_the_curve_and_the_share_of_lapses_are_found(lapse: float, sharpness: float, of_lapses: float) -> None:
    confidence, ranks, right = answers(20_000, lapse, sharpness, of_lapses)
    curve = accuracy_curve(confidence, ranks, 3)
    assert abs(curve.lapse - lapse) < 0.012 and np.abs(curve.without_lapse - right).max() < 0.03
    assert (curve.p_value < 1e-4) == (lapse > 0)


def of_a_confident_model(n: int, lapse: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and rank of the label among ten classes, of a model that is too sure: most answers have over 99%."""
    rng = np.random.default_rng(seed)
    logits = rng.gamma(3.0, 2.0, n)
    correct = rng.random(n) < 1 / (1 + np.exp(-0.6 * logits))
    lapses, ranks = rng.random(n) < lapse, np.where(rng.random(n) < 0.7, 2, 3)
    return 1 / (1 + np.exp(-logits)), np.where(lapses, rng.integers(2, 11, n), np.where(correct, 1, ranks))


@pytest.mark.parametrize("lapse", [0.03, 0.1, 0.3])
def test_labels_at_random_are_told_from_a_model_that_is_too_sure(lapse: float) -> None:
    found = [accuracy_curve(*of_a_confident_model(2000, lapse, seed), 10) for seed in range(5)]
    assert all(curve.p_value < 1e-4 and abs(curve.lapse - lapse) < 0.04 for curve in found)


def test_a_model_that_is_too_sure_has_no_lapses() -> None:
    assert all(accuracy_curve(*of_a_confident_model(2000, 0, seed), 10).p_value > 1e-3 for seed in range(30))


def test_all_answers_right() -> None:
    curve = accuracy_curve(np.full(50, 0.9), np.ones(50, int), 2)
    assert curve.lapse == 0 and 0.9 <= curve.without_lapse[0] < 1 and curve.p_value == 0.5


def test_of_many_images_a_part_is_fitted() -> None:
    confidence, ranks, _ = answers(150_000, 0.02, 1.0)
    curve = accuracy_curve(confidence, ranks, 3)
    assert curve.without_lapse.shape == (150_000,) and abs(curve.lapse - 0.02) < 0.005
