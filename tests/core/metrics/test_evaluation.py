from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from dashboard.core.metrics.evaluation import Evaluation, evaluate_labels
from dashboard.core.metrics.intervals import proportion

NAMES = ("cat", "dog", "frog")


def test_by_hand() -> None:
    true = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 1, 0])
    result = evaluate_labels(true, predicted, NAMES)
    assert result.accuracy.value == pytest.approx(4 / 6) and result.accuracy.n == 6
    assert result.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    table = result.per_class.set_index("class")
    assert table.loc["cat", ["images", "precision", "recall", "f1"]].tolist() == pytest.approx([3, 2 / 3, 2 / 3, 2 / 3])
    assert table.loc["dog", ["images", "precision", "recall", "f1"]].tolist() == pytest.approx([2, 2 / 3, 1, 0.8])
    assert table.loc["frog", "recall"] == 0 and np.isnan(table.loc["frog", "precision"])
    assert result.macro_f1 == pytest.approx((2 / 3 + 0.8 + 0) / 3)


def test_images_of_one_label_have_no_macro_f1() -> None:
    result = evaluate_labels(np.zeros(3, int), np.array([0, 0, 1]), ("a", "b"))
    assert result.meaningful_macro_f1 is None and result.macro_f1_note == ""


def test_images_of_one_label_have_no_precision() -> None:
    result = evaluate_labels(np.zeros(4, int), np.array([0, 0, 1, 0]), ("a", "b"))
    figures = result.meaningful_per_class
    assert figures[["precision", "f1"]].isna().all(axis=None) and figures["recall"].tolist()[0] == 0.75
    assert "all images have the same label" in result.per_class_note
    several = evaluate_labels(np.array([0, 1]), np.array([0, 0]), ("a", "b"))
    assert several.meaningful_per_class is several.per_class and several.per_class_note == ""


def test_classes_without_images_have_no_recall_and_do_not_lower_macro_f1() -> None:
    result = evaluate_labels(np.array([0, 0, 1]), np.array([0, 0, 1]), NAMES)
    assert result.macro_f1 == 1.0
    frog = result.per_class.set_index("class").loc["frog"]
    assert frog["images"] == 0 and frog[["precision", "recall", "f1"]].isna().all()
    assert result.confusion.shape == (3, 3)


def test_a_class_that_is_only_predicted_has_precision_zero() -> None:
    table = evaluate_labels(np.array([0, 0]), np.array([0, 2]), NAMES).per_class.set_index("class")
    assert table.loc["frog", "precision"] == 0 and np.isnan(table.loc["frog", "recall"])


def test_one_image() -> None:
    result = evaluate_labels(np.array([1]), np.array([1]), NAMES)
    assert result.accuracy.value == 1 and result.accuracy.low < 0.3


def test_no_images() -> None:
    with pytest.raises(ValueError, match="no labelled images"):
        evaluate_labels(np.array([], int), np.array([], int), NAMES)


@pytest.mark.parametrize(
    "k, n, low, high",
    # Wilson's formula by hand: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (9275, 10_000, 0.92224, 0.93243)],
)
def test_wilson_interval(k: int, n: int, low: float, high: float) -> None:
    found = proportion(k, n)
    assert (found.value, found.n) == (k / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-5)


@pytest.mark.parametrize("k, n", [(0, 1), (1, 1), (0, 7), (3, 7), (7, 7), (999, 1000), (123_456, 1_000_000)])
def test_wilson_interval_is_that_of_scipy(k: int, n: int) -> None:
    from scipy.stats import binomtest

    interval = binomtest(k, n).proportion_ci(method="wilson")
    assert (proportion(k, n).low, proportion(k, n).high) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_a_proportion_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="not defined"):
        proportion(0, 0)


def test_a_proportion_as_text() -> None:
    assert str(proportion(5, 10)) == "50.0% (23.7-76.3)"


def test_on_the_oracles(shared_dir: Path) -> None:
    probs = np.load(shared_dir / "oracles" / "cifar10_test_pred_probs.npy")
    labels = np.load(shared_dir / "oracles" / "cifar10_test_labels.npy")
    predicted = probs.argmax(1)
    result = evaluate_labels(labels, predicted, tuple("abcdefghij"))
    assert result.accuracy.value == 0.9294 == accuracy_score(labels, predicted)
    assert result.accuracy.low == pytest.approx(0.92421, abs=1e-5) and result.accuracy.high == pytest.approx(
        0.93426, abs=1e-5
    )
    assert np.array_equal(result.confusion, confusion_matrix(labels, predicted))
    assert result.macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro"), abs=1e-12)
    assert np.allclose(result.per_class["precision"], precision_score(labels, predicted, average=None), atol=1e-12)
    assert np.allclose(result.per_class["recall"], recall_score(labels, predicted, average=None), atol=1e-12)
    assert result.per_class["images"].tolist() == np.bincount(labels).tolist()


def test_probabilities_bring_a_reliability_diagram_that_survives_the_record() -> None:
    probs = np.array([[0.9, 0.1, 0.0], [0.62, 0.38, 0.0], [0.2, 0.61, 0.19], [0.0, 0.0, 1.0]])
    true = np.array([0, 1, 1, 2])
    result = evaluate_labels(true, probs.argmax(axis=1), NAMES, probs.max(axis=1))
    assert result.reliability is not None
    # bins (0.6, 0.667]: confidence 0.615, accuracy 0.5; (0.867, 0.933]: 0.9 and 1; (0.933, 1]: 1 and 1
    assert result.ece15 == pytest.approx((2 * 0.115 + 0.1 + 0) / 4)
    assert result.reliability.images.sum() == 4 and np.isnan(result.reliability.accuracy[0])
    stored = TypeAdapter(Evaluation)
    again = stored.validate_json(stored.dump_json(result))
    assert again.ece15 == result.ece15 and again.reliability is not None
    assert np.array_equal(again.reliability.accuracy, result.reliability.accuracy, equal_nan=True)
    assert evaluate_labels(true, true, NAMES).ece15 is None


@pytest.mark.parametrize(
    ("predicted", "note"),
    [
        ([0, 1, 1], ""),
        ([0, 1, 2], "3 classes have no images here. 1 of them was predicted, and counts as 0 in the macro F1."),
        ([3, 1, 2], "3 classes have no images here. 2 of them were predicted, and count as 0 in the macro F1."),
        ([2, 3, 4], "3 classes have no images here. Each was predicted, and counts as 0 in the macro F1."),
    ],
)
def test_classes_without_images_that_lower_the_macro_f1_are_told(predicted: list[int], note: str) -> None:
    result = evaluate_labels(np.array([0, 1, 1]), np.array(predicted), tuple("abcde"))
    assert result.macro_f1_note == note
    assert result.macro_f1 == pytest.approx(f1_score([0, 1, 1], predicted, average="macro", zero_division=0))
