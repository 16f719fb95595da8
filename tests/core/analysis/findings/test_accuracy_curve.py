from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.analysis.findings.accuracy_curve import accuracy_curve


def answers(n: int, lapse: float, sharpness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence, truth of the answers, and how often they are right without wrong labels."""
    rng = np.random.default_rng(0)
    right = rng.uniform(0.5, 0.999, n)
    odds = (right / (1 - right)) ** sharpness
    return odds / (1 + odds), rng.random(n) < (1 - lapse) * right, right


@pytest.mark.parametrize("lapse", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_the_curve_and_the_share_of_lapses_are_found(lapse: float, sharpness: float) -> None:
    confidence, correct, right = answers(20_000, lapse, sharpness)
    curve = accuracy_curve(confidence, correct)
    assert abs(curve.lapse - lapse) < 0.012 and np.abs(curve.without_lapse - right).max() < 0.03
    assert (curve.p_value < 1e-4) == (lapse > 0)


def test_all_answers_right() -> None:
    curve = accuracy_curve(np.full(50, 0.9), np.ones(50, bool))
    assert curve.lapse == 0 and 0.9 <= curve.without_lapse[0] < 1 and curve.p_value == 0.5


def test_of_many_images_a_part_is_fitted() -> None:
    confidence, correct, _ = answers(150_000, 0.02, 1.0)
    curve = accuracy_curve(confidence, correct)
    assert curve.without_lapse.shape == (150_000,) and abs(curve.lapse - 0.02) < 0.005
