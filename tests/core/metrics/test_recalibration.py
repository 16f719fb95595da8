from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.recalibration import log_probabilities, refit
from dashboard.core.metrics.temperature import fit_temperature, softmax


def drawn(n: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels that are drawn from their softmax at this temperature."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 3, (n, 5))
    return logits, (softmax(logits, temperature).cumsum(1) > rng.random((n, 1))).argmax(1)


def test_the_new_temperature_is_measured_on_the_other_half() -> None:
    logits, labels = drawn(4001, 2.0)
    _, check = halves(4001)
    found = refit(logits, labels, temperature=1.0)
    assert found.temperature == pytest.approx(2.0, rel=0.06) and found.temperature_before == 1
    assert (found.n_fit, found.n_check) == (2001, 2000)
    assert found.before.nll == pytest.approx(log_loss(labels[check], softmax(logits[check])))
    assert found.after.nll == pytest.approx(log_loss(labels[check], softmax(logits[check], found.temperature)))
    assert found.is_better and found.after.ece < 0.05 < found.before.ece


def test_the_checked_half_has_no_say_in_the_temperature() -> None:
    logits, labels = drawn(1000, 1.0)
    _, check = halves(1000)
    spoiled = labels.copy()
    spoiled[check] = logits[check].argmin(axis=1)
    assert refit(logits, spoiled).temperature == refit(logits, labels).temperature
    assert refit(logits, spoiled).after.nll > refit(logits, labels).after.nll


def test_a_temperature_that_is_right_is_not_improved() -> None:
    logits, labels = drawn(2000, 1.0)
    _, check = halves(2000)
    best = fit_temperature(logits[check], labels[check])
    assert not refit(logits, labels, best).is_better


def test_a_temperature_that_stays_the_same_is_neither_better_nor_worse() -> None:
    logits, labels = drawn(2000, 2.0)
    stored = round(refit(logits, labels).temperature, 4)
    again = refit(logits, labels, stored)
    assert not again.is_better
    assert again.in_words().startswith("The temperature stays the same: no other fits these images better.")


def test_it_says_whether_the_new_temperature_is_better() -> None:
    logits, labels = drawn(2000, 2.0)
    fit, check = halves(2000)
    found = refit(logits, labels)
    losses = [-np.log(softmax(logits, t)[np.arange(2000), labels])[check] for t in (1.0, found.temperature)]
    paired = losses[1] - losses[0]
    half = 1.96 * paired.std() / np.sqrt(1000)
    assert found.difference.value == pytest.approx(found.after.nll - found.before.nll)
    assert found.difference.low == pytest.approx(paired.mean() - half, rel=0.05) and found.difference.n == 1000
    assert found.is_better and found.in_words().startswith("The new temperature is better. On the 1,000 images")
    best = fit_temperature(logits[check], labels[check])
    same = refit(logits, labels, best)
    assert same.difference.low < 0 < same.difference.high and not same.is_better
    assert same.in_words().startswith(
        "No significant difference: these images do not show that a new temperature is better."
    )
    spoiled = labels.copy()
    spoiled[fit[10:]] = logits[fit[10:]].argmax(axis=1)  # a fit on these makes the model far too sure
    assert refit(logits, spoiled, 2.0).in_words().startswith("The new temperature is worse")


def test_probabilities_serve_where_there_are_no_logits() -> None:
    logits, labels = drawn(2000, 3.0)
    from_logits = refit(logits, labels, temperature=1.5)
    from_probabilities = refit(log_probabilities(softmax(logits, 1.5)), labels)
    assert 1.5 * from_probabilities.temperature == pytest.approx(from_logits.temperature, rel=1e-3)
    assert from_probabilities.before.nll == pytest.approx(from_logits.before.nll)
    assert np.isfinite(log_probabilities(np.array([[1.0, 0.0]]))).all()


def test_one_image_cannot_be_halved() -> None:
    with pytest.raises(ValueError, match="at least two"):
        refit(np.zeros((1, 3)), np.zeros(1, int))


def test_on_the_reference(reference: Any) -> None:
    found = refit(log_probabilities(reference.probs), reference.labels)
    assert found.is_better and found.temperature > 1.05  # it is overconfident
    assert found.after.ece < 0.01 < 0.025 < found.before.ece
