from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.core.metrics.confidence_gap import confidence_gap
from dashboard.core.metrics.scores import Score
from tests.core.metrics.conftest import Predictions

NONE, LARGE = Score(0.004, 0.0, 0.01, 400), Score(0.08, 0.05, 0.11, 400)


def answers(right: int, confidence: float, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    return np.full(n, confidence), np.arange(n) < right


def test_the_interval_by_hand() -> None:
    found = confidence_gap(*answers(300, 0.8))
    assert found.gap == pytest.approx(0.05) and found.n == 400
    # the standard deviation of 300 ones and 100 zeros is sqrt(3) / 4
    assert found.high - found.gap == pytest.approx(1.96 * np.sqrt(3) / 4 / 20)
    assert found.gap - found.low == pytest.approx(found.high - found.gap)


@pytest.mark.parametrize(
    "right, confidence, ece, told",
    [
        (320, 0.8394, LARGE, "Overconfident: the mean confidence is 83.9% and the accuracy 80.0%, so the confidence is too "
         "high by 3.9 points on average (95% interval 0.02 to 7.9)."),
        (317, 0.8419, LARGE, "Overconfident: the mean confidence is 84.2% and the accuracy 79.3%, so the confidence is too "
         "high by 4.9 points on average (95% interval 1.0 to 8.9)."),
        (320, 0.9, LARGE, "Overconfident: the mean confidence is 90.0% and the accuracy 80.0%, so the confidence is too "
         "high by 10.0 points on average (95% interval 6.1 to 13.9)."),
        (320, 0.7, LARGE, "Underconfident: the mean confidence is 70.0% and the accuracy 80.0%, so the confidence is too "
         "low by 10.0 points on average (95% interval 6.1 to 13.9)."),
        (320, 0.8, LARGE, "The confidence is too high for some images and too low for others. On average it is off by 8.0 "
         "points (95% interval 5.0 to 11.0)."),
        (320, 0.81, NONE, "Confidence and accuracy agree, as far as 400 images can show: the mean confidence is 81.0% and "
         "the accuracy 80.0%. The difference may be chance (95% interval in points: -2.9 to 4.9)."),
    ],
)  # fmt: skip
def test_in_words(right: int, confidence: float, ece: Score, told: str) -> None:
    assert confidence_gap(*answers(right, confidence)).in_words(ece) == told


def test_calibration_errors_of_few_images_per_bin_are_no_verdict() -> None:
    told = confidence_gap(*answers(320, 0.8)).in_words(replace(LARGE, n=20))
    assert told.startswith("Confidence and accuracy agree") and "may be chance" in told


def test_a_gap_that_is_just_no_chance_has_an_interval_without_0() -> None:
    confidence, correct = answers(320, 0.8 + 1.96 * 0.4 / 20 + 1e-5)
    told = confidence_gap(confidence, correct).in_words(NONE)
    assert told.startswith("Overconfident") and told.endswith("(95% interval 0.001 to 7.8).")


def test_reference_predictions_are_overconfident(reference: Predictions) -> None:
    found = confidence_gap(reference.confidence, reference.correct)
    assert 0 < found.low < found.gap < found.high < 0.04
    assert found.in_words(NONE).startswith("Overconfident")
