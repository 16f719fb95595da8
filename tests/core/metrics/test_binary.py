from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from dashboard.core.metrics.binary import binary_curve
from dashboard.core.metrics.intervals import proportion


def drawn(n: int = 2000, digits: int | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.2
    scores = 1 / (1 + np.exp(-rng.normal(np.where(positive, 1.0, -1.0), 1.5)))
    return (scores if digits is None else scores.round(digits)), positive


@pytest.mark.parametrize("digits", [None, 2, 1], ids=["distinct", "ties", "many ties"])
def test_the_curves_are_those_of_scikit_learn(digits: int | None) -> None:
    scores, positive = drawn(digits=digits)
    curve = binary_curve(scores, positive)
    false, true, thresholds = roc_curve(positive, scores, drop_intermediate=False)
    assert np.allclose(curve.false_positive_rate, false) and np.allclose(curve.recall, true)
    assert np.array_equal(curve.thresholds[1:], thresholds[1:]) and scores.max() < curve.thresholds[0] < 1.0001
    precision, recall, _ = precision_recall_curve(positive, scores)
    assert np.allclose(curve.precision[1:], precision[:-1][::-1]) and np.allclose(curve.recall[1:], recall[:-1][::-1])
    assert curve.auroc == pytest.approx(roc_auc_score(positive, scores))
    assert curve.average_precision == pytest.approx(average_precision_score(positive, scores))


def test_at_a_threshold_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.4, 0.3, 0.2])
    positive = np.array([True, False, True, True, False, False])
    found = binary_curve(scores, positive).at(0.5)
    assert (found.true_positives, found.false_positives, found.false_negatives, found.true_negatives) == (2, 1, 1, 2)
    assert found.precision == proportion(2, 3) and found.recall == proportion(2, 3)
    assert found.specificity == proportion(2, 3) and found.false_positive_rate == proportion(1, 3)
    at_score = binary_curve(scores, positive).at(0.4)
    assert at_score.recall == proportion(3, 3)  # a score equal to the threshold is positive
    nothing = binary_curve(scores, positive).at(0.95)
    assert nothing.precision is None and nothing.recall == proportion(0, 3) and nothing.specificity == proportion(3, 3)
    assert binary_curve(scores, positive).at(0).false_positive_rate == proportion(3, 3)


def test_costs_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.4])
    positive = np.array([True, False, True, False])
    curve = binary_curve(scores, positive)
    # nobody: 2 missed; from 0.9: 1 missed; 0.8: 1 missed, 1 false; 0.7: 1 false; 0.4: 2 false
    assert curve.cost(1, 10).tolist() == [20, 10, 11, 1, 2]
    assert curve.cheapest(1, 10) == (0.7, 1.0)
    assert curve.cheapest(10, 1) == (0.9, 1.0)
    threshold, cost = curve.cheapest(100, 0)
    assert threshold > 0.9 and cost == 0  # call nothing positive


@pytest.mark.parametrize(
    "lower, threshold, shown",
    [(0.2, 0.301586, "0.301"), (0.3012, 0.301586, "0.3015"), (0.301585, 0.301586, "0.301586"), (0.2, 0.3, "0.300")],
)
def test_a_lower_limit_is_rounded_down_and_calls_the_same_images_positive(
    lower: float, threshold: float, shown: str
) -> None:
    curve = binary_curve(np.array([0.9, threshold, lower]), np.array([True, True, False]))
    assert curve.cheapest(1, 1) == (threshold, 0.0) and curve.in_few_decimals(threshold) == shown


def test_a_threshold_above_all_scores_is_rounded_up() -> None:
    curve = binary_curve(np.array([0.9, 0.3]), np.array([False, True]))
    assert curve.in_few_decimals(curve.cheapest(5, 1)[0]) == "0.901"


def test_the_table_to_draw_follows_the_curves() -> None:
    scores, positive = drawn(20_000)
    curve = binary_curve(scores, positive)
    table = curve.table(2, 5, points=300)
    assert len(table) <= 300
    assert table.iloc[0][["false_positive_rate", "recall"]].tolist() == [0, 0]
    assert table.iloc[-1][["false_positive_rate", "recall"]].tolist() == [1, 1]
    area = np.trapezoid(table["recall"], table["false_positive_rate"])
    assert area == pytest.approx(curve.auroc, abs=1e-3)
    row = table.iloc[150]
    at = curve.at(row["threshold"])
    assert row["cost"] == 2 * at.false_positives + 5 * at.false_negatives
    assert at.precision is not None and row["precision"] == at.precision.value


def test_one_class_only_has_no_areas() -> None:
    curve = binary_curve(np.array([0.1, 0.7]), np.array([True, True]))
    assert np.isnan(curve.auroc) and curve.at(0.5).specificity is None and len(curve.table()) == 3
    curve = binary_curve(np.array([0.1, 0.7]), np.array([False, False]))
    assert np.isnan(curve.auroc) and np.isnan(curve.average_precision) and curve.at(0.5).recall is None
