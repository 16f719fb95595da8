from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.familiarity import Familiarity, Score, auroc, energy, fit_familiarity


def test_energy_is_minus_logsumexp_also_of_large_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (50, 7))
    assert np.allclose(energy(logits), -logsumexp(logits, axis=1))
    assert energy(np.full((1, 4), 1000.0))[0] == pytest.approx(-1000 - np.log(4))


def test_each_threshold_lets_the_stated_share_pass() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (4000, 10))
    probs = softmax(logits)
    fitted = fit_familiarity(logits, probs, "energy", kept=0.9)
    doubts = [fitted.doubts(row, p) for row, p in zip(logits, probs, strict=True)]
    for name in ("by_energy", "by_msp"):
        assert np.mean([getattr(doubt, name) for doubt in doubts]) == pytest.approx(0.1, abs=0.001)


def test_the_score_that_decides() -> None:
    flat, sure = np.full(10, 0.1), np.array([12.0] + [0.0] * 9)
    known = Familiarity(0.95, max_energy=-5.0, min_msp=0.5, decides="energy")
    high_and_flat = known.doubts(np.full(10, 8.0), flat)  # much evidence, but equally for every class
    assert high_and_flat.by_msp and not high_and_flat.by_energy and not high_and_flat.unknown
    assert replace(known, decides="msp").doubts(np.full(10, 8.0), flat).unknown
    assert not known.doubts(sure, softmax(sure[None])[0]).unknown


@pytest.mark.parametrize("decides", ["energy", "msp"])
def test_many_images_are_doubted_as_each_is(decides: Score) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (500, 10))
    probs = softmax(logits)
    known = fit_familiarity(logits, probs, decides, kept=0.6)
    each = [known.doubts(row, p).unknown for row, p in zip(logits, probs, strict=True)]
    assert known.unknown(logits, probs.max(axis=1)).tolist() == each and 0 < sum(each) < 500


def test_auroc_by_hand() -> None:
    assert auroc(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1.0
    assert auroc(np.array([0.0, 2.0]), np.array([1.0, 3.0])) == 0.75
    assert auroc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5


@pytest.mark.parametrize(
    "wrong", [{"kept": 1.0}, {"max_energy": float("nan")}, {"min_msp": float("inf")}, {"decides": "luck"}]
)
def test_thresholds_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(Familiarity(0.95, -5.0, 0.5, "energy"), **wrong)  # type: ignore[arg-type]
