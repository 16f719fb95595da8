from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from dashboard.core.metrics.risk_coverage import risk_coverage


def test_by_hand() -> None:
    confidence = np.array([0.6, 0.9, 0.8, 0.7])
    correct = np.array([False, True, False, True])
    curve = risk_coverage(confidence, correct)
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])


def test_equal_confidences_are_accepted_together_in_any_order() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.5])
    for correct in ([True, True, False, True], [False, True, True, True]):
        curve = risk_coverage(confidence, np.array(correct))
        assert curve.thresholds.tolist() == [0.9, 0.5] and curve.accepted.tolist() == [3, 4]
        assert curve.risk.tolist() == pytest.approx([1 / 3, 1 / 4])


def test_at_any_threshold(made: Any) -> None:
    curve = risk_coverage(made.confidence, made.correct)
    for threshold in (0.31, 0.8, float(made.confidence[7]), float(made.confidence.max())):
        accepted = made.confidence >= threshold
        found = curve.at(threshold)
        assert found.coverage.value == accepted.mean() and found.coverage.n == 3000
        assert found.accuracy is not None and found.accuracy.n == accepted.sum()
        assert found.accuracy.value == pytest.approx(made.correct[accepted].mean())
    assert curve.at(0).coverage.value == 1
    nothing = curve.at(1.1)
    assert nothing.coverage.value == 0 and nothing.accuracy is None


def test_the_table_to_draw_has_both_ends_and_evenly_spread_points(made: Any) -> None:
    curve = risk_coverage(made.confidence, made.correct)
    table = curve.table(100)
    assert len(table) == 100
    assert table["coverage"].iloc[0] == 1 / 3000 and table["coverage"].iloc[-1] == 1
    assert np.diff(table["coverage"]).max() < 0.011
    assert (table["low"] <= table["risk"]).all() and (table["risk"] <= table["high"]).all()
    assert table["risk"].iloc[-1] == pytest.approx(1 - made.correct.mean())
    assert len(risk_coverage(made.confidence[:7], made.correct[:7]).table(100)) == 7


@pytest.mark.parametrize("confidence", [[], [0.5], [0.5, float("nan")], [[0.5, 0.6]]])
def test_what_is_no_confidence_is_refused(confidence: list[Any]) -> None:
    with pytest.raises(ValueError):
        risk_coverage(np.array(confidence), np.array([True, False]))


def test_a_million_rows_are_quick() -> None:
    rng = np.random.default_rng(0)
    confidence, correct = rng.random(1_000_000), rng.random(1_000_000) < 0.9
    began = time.process_time()
    curve = risk_coverage(confidence, correct)
    assert len(curve.table()) == 500 and 0.09 < curve.risk.mean() < 0.11
    assert time.process_time() - began < 0.5
