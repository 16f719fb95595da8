from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.core.metrics.calibration import reliability
from dashboard.core.metrics.class_calibration import top_label_calibration
from dashboard.core.metrics.intervals import proportion


def test_by_hand() -> None:
    confidence = np.array([0.9, 0.8, 0.6, 0.7])
    table = top_label_calibration(confidence, np.array([0, 0, 0, 1]), np.array([True, False, True, True]), 3, bins=4)
    assert table["images"].tolist() == [3, 1, 0]
    # class 0: 0.6 right in (0.5, 0.75]; 0.9 right and 0.8 wrong in (0.75, 1]
    assert table["ece"].tolist() == pytest.approx([(0.4 + 2 * 0.35) / 3, 0.3, np.nan], nan_ok=True)
    assert table["accuracy"].tolist() == pytest.approx([2 / 3, 1, np.nan], nan_ok=True)
    assert table["confidence"].tolist() == pytest.approx([2.3 / 3, 0.7, np.nan], nan_ok=True)
    wilson = proportion(2, 3)
    assert (table["low"][0], table["high"][0]) == pytest.approx((wilson.low, wilson.high))


def test_each_class_has_the_ece_of_its_images(made: Any) -> None:
    table = top_label_calibration(made.confidence, made.predicted, made.correct, 4)
    for k in range(4):
        of_class = made.predicted == k
        assert table["ece"][k] == pytest.approx(reliability(made.confidence[of_class], made.correct[of_class]).ece)
