from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from dashboard.core.metrics.one_vs_rest import auroc_interval, one_vs_rest


def test_the_figures_are_those_of_scikit_learn(made: Any) -> None:
    table = one_vs_rest(made.probs.round(2), made.labels)
    for k in range(4):
        of_class, scores = made.labels == k, made.probs[:, k].round(2)
        assert table["positives"][k] == of_class.sum() and table["negatives"][k] == (~of_class).sum()
        assert table["auroc"][k] == pytest.approx(roc_auc_score(of_class, scores))
        assert table["average_precision"][k] == pytest.approx(average_precision_score(of_class, scores))
    for name in ("auroc", "average_precision"):
        assert ((table[f"{name}_low"] < table[name]) & (table[name] < table[f"{name}_high"])).all()
        widths = table[f"{name}_high"] - table[f"{name}_low"]
        assert widths.idxmax() == 3, "the rare class is known least well"


def test_the_interval_by_hand() -> None:
    positive, negative = np.array([0.9, 0.6, 0.4]), np.array([0.5, 0.3])
    value, low, high = auroc_interval(positive, negative)
    # shares of the other group that are beaten: 1, 1, 1/2 and (from below) 2/3, 1
    assert value == pytest.approx(5 / 6)
    error = np.sqrt(np.var([1, 1, 0.5], ddof=1) / 3 + np.var([2 / 3, 1], ddof=1) / 2)
    half = 1.959964 * error / (5 / 6 * 1 / 6)
    assert (np.log(low / (1 - low)), np.log(high / (1 - high))) == pytest.approx((np.log(5) - half, np.log(5) + half))


@pytest.mark.parametrize("positive, negative", [([0.9, 0.8], [0.1, 0.2, 0.3]), ([0.9], [0.1]), ([0.5], [0.5])])
def test_few_images_have_a_wide_interval(positive: list[float], negative: list[float]) -> None:
    value, low, high = auroc_interval(np.array(positive), np.array(negative))
    assert 0 <= low < value <= high <= 1 and high - low > 0.3


def test_perfect_order_in_reverse_is_the_mirror_image() -> None:
    few, many = np.array([0.9, 0.8]), np.linspace(0, 0.5, 30)
    _, low, high = auroc_interval(few, many)
    assert auroc_interval(many, few) == pytest.approx((0, 1 - high, 1 - low)) and high == 1 and 0.5 < low < 0.95
    # Newcombe's equation for 1, divided by (1 - a): 1 - a = z^2 a (1 + 15 (1 - a) / (2 - a) + 15 a / (1 + a)) / 60
    inside = 1 + 15 * (1 - low) / (2 - low) + 15 * low / (1 + low)
    assert 1 - low == pytest.approx(1.959964**2 * low * inside / 60)


def test_a_class_that_does_not_occur_has_no_figures() -> None:
    table = one_vs_rest(np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1]]), np.array([0, 1]))
    assert table["positives"].tolist() == [1, 1, 0] and table.loc[2].drop(["positives", "negatives"]).isna().all()


@pytest.mark.parametrize("distance, positives", [(1.0, 40), (2.5, 40), (2.5, 400)])
def test_the_interval_of_the_auroc_holds_the_truth(distance: float, positives: int) -> None:
    """For two normal distributions the AUROC is known: Phi(distance / sqrt(2))."""
    rng = np.random.default_rng(11)
    truth = norm.cdf(distance / np.sqrt(2))
    held = 0
    for _ in range(1000):
        _, low, high = auroc_interval(rng.normal(distance, 1, positives), rng.normal(0, 1, 3 * positives))
        held += low <= truth <= high
    assert 930 <= held <= 972


@pytest.mark.parametrize("distance, positives", [(1.5, 50), (2.5, 50), (2.5, 300)])
def test_the_interval_of_the_average_precision_holds_the_truth(distance: float, positives: int) -> None:
    rng = np.random.default_rng(12)

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.repeat([1, 0], [n, 3 * n])
        scores = rng.normal(distance * labels, 1)
        return np.stack([-scores, scores], axis=1), labels

    probs, labels = sample(300_000)
    truth = average_precision_score(labels, probs[:, 1])
    held = 0
    for _ in range(400):
        row = one_vs_rest(*sample(positives)).loc[1]
        held += row["average_precision_low"] <= truth <= row["average_precision_high"]
    assert held >= 0.93 * 400
