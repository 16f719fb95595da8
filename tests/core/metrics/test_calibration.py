from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.metrics import log_loss

from dashboard.core.errors import DatasetError
from dashboard.core.metrics.calibration import (
    Reliability,
    equal_mass_reliability,
    expected_calibration_error,
    reliability,
)
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.temperature import fit_temperature, negative_log_likelihood, softmax


@pytest.fixture(scope="module")
def oracle(shared_dir: Path) -> tuple[np.ndarray, np.ndarray]:
    folder = shared_dir / "oracles"
    return np.load(folder / "cifar10_test_pred_probs.npy"), np.load(folder / "cifar10_test_labels.npy")


def made(n: int = 4000, temperature: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels. The labels are drawn from the softmax at `temperature`, which is therefore calibrated."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n, 5))
    probs = softmax(logits, temperature)
    return logits, (probs.cumsum(1) > rng.random((n, 1))).argmax(1)


def test_figures_of_the_oracles(oracle: tuple[np.ndarray, np.ndarray]) -> None:
    probs, labels = oracle
    assert expected_calibration_error(probs, labels, 15) == pytest.approx(0.03259, abs=5e-6)
    assert expected_calibration_error(probs, labels, 10) == pytest.approx(0.03216, abs=5e-6)
    nll = negative_log_likelihood(np.log(np.maximum(probs, 1e-300)), labels)
    assert nll == pytest.approx(0.24917, abs=5e-6)
    assert nll == pytest.approx(log_loss(labels, probs / probs.sum(axis=1, keepdims=True)), abs=1e-6)


def test_temperature_improves_the_oracles_and_keeps_every_class(oracle: tuple[np.ndarray, np.ndarray]) -> None:
    logits, labels = np.log(np.maximum(oracle[0], 1e-300)), oracle[1]
    t = fit_temperature(logits[::2], labels[::2])
    assert t > 1.05  # the oracle is overconfident
    assert negative_log_likelihood(logits[1::2], labels[1::2], t) < negative_log_likelihood(logits[1::2], labels[1::2])
    assert expected_calibration_error(softmax(logits[1::2], t), labels[1::2]) < 0.02
    assert np.array_equal(softmax(logits, t).argmax(1), logits.argmax(1))


def test_ece_by_hand() -> None:
    probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    labels = np.array([0, 1, 0, 1])
    # bins of width 0.25: (0.5, 0.75] holds 0.6 and 0.7, both right; (0.75, 1] holds 0.9 right and 0.8 wrong
    assert expected_calibration_error(probs, labels, 4) == pytest.approx(0.5 * abs(0.65 - 1) + 0.5 * abs(0.85 - 0.5))


def test_equal_mass_on_the_oracles(oracle: tuple[np.ndarray, np.ndarray]) -> None:
    probs, labels = oracle
    found = equal_mass_reliability(probs.max(axis=1), probs.argmax(axis=1) == labels)
    assert found.ece == pytest.approx(0.03210, abs=5e-6)
    assert len(found.images) == 15 and np.abs(found.images - 10_000 / 15).max() < 10


def test_equal_mass_by_hand() -> None:
    confidence = np.array([0.9, 0.5, 0.8, 0.6, 0.7, 0.95])
    correct = np.array([True, False, True, False, True, True])
    found = equal_mass_reliability(confidence, correct, bins=3)
    assert found.upper.tolist() == [0.6, 0.8, 0.95] and found.images.tolist() == [2, 2, 2]
    assert found.confidence.tolist() == pytest.approx([0.55, 0.75, 0.925]) and found.accuracy.tolist() == [0, 1, 1]
    assert found.ece == pytest.approx((0.55 + 0.25 + 0.075) / 3)


def test_equal_confidences_share_a_bin_of_equal_mass() -> None:
    confidence = np.array([0.5, 0.9, 0.9, 0.9, 0.9, 0.9])
    found = equal_mass_reliability(confidence, np.ones(6, bool), bins=3)
    assert found.images.tolist() == [6] or found.images.tolist() == [1, 5]
    assert equal_mass_reliability(np.full(9, 0.7), np.ones(9, bool)).images.tolist() == [9]


def test_the_accuracy_of_a_bin_has_an_interval() -> None:
    confidence, correct = np.array([0.9, 0.95, 0.99, 0.3]), np.array([True, True, False, True])
    low, high = reliability(confidence, correct, bins=4).accuracy_bounds
    expected = proportion(2, 3)
    assert (low[3], high[3]) == pytest.approx((expected.low, expected.high)) and high[1] == 1
    assert np.isnan(low[[0, 2]]).all() and np.isnan(high[[0, 2]]).all()


def test_a_diagram_stored_by_an_earlier_release_can_be_read() -> None:
    stored = (
        b'{"upper": [0.5, 1.0], "images": [0, 3], "confidence": [null, 0.9], "accuracy": [null, 0.6666666666666666]}'
    )
    found = TypeAdapter(Reliability).validate_json(stored)
    low, high = found.accuracy_bounds
    assert (low[1], high[1]) == pytest.approx((proportion(2, 3).low, proportion(2, 3).high)) and np.isnan(low[0])
    assert sorted(TypeAdapter(Reliability).dump_python(found)) == ["accuracy", "confidence", "images", "upper"]


def test_ece_of_certainty() -> None:
    certain = np.eye(3)
    assert expected_calibration_error(certain, np.array([0, 1, 2])) == 0
    assert expected_calibration_error(certain, np.array([1, 2, 0])) == 1


def test_softmax_does_not_overflow() -> None:
    probs = softmax(np.array([[1e4, 0.0, -1e4]], np.float32))
    assert probs.tolist() == [[1.0, 0.0, 0.0]] and probs.dtype == np.float64
    assert np.isfinite(negative_log_likelihood(np.array([[1e4, 0.0]]), np.array([1])))


def test_softmax_by_hand() -> None:
    assert softmax(np.log([[1.0, 3.0]])).tolist()[0] == pytest.approx([0.25, 0.75])
    assert softmax(np.log([[1.0, 9.0]]), temperature=2).tolist()[0] == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_fit_temperature_finds_the_right_one(temperature: float) -> None:
    assert fit_temperature(*made(temperature=temperature)) == pytest.approx(temperature, rel=0.06)


@pytest.mark.parametrize(
    "labels, told",
    [
        (lambda logits: logits.argmax(axis=1), "makes no mistake among the 500 images"),
        (lambda logits: logits.argmin(axis=1), "No temperature between 0.05 and 20 is the best for the 500 images"),
    ],
)
def test_a_temperature_at_a_bound_of_the_search_is_no_fit(
    labels: Callable[[np.ndarray], np.ndarray], told: str
) -> None:
    logits = np.random.default_rng(1).normal(0, 3, (500, 4))
    with pytest.raises(DatasetError, match=told) as caught:
        fit_temperature(logits, labels(logits))
    assert caught.value.code == "no_best_temperature" and "among which the model is sometimes right" in caught.value.fix


def test_made_logits_are_calibrated_at_their_own_temperature_only() -> None:
    logits, labels = made(20_000, 2.0)
    assert expected_calibration_error(softmax(logits, 2.0), labels) < 0.015
    assert expected_calibration_error(softmax(logits, 1.0), labels) > 0.05
