"""Which share of the new weights is chosen. The model answers by its weight, which stands for its share."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from dashboard.training import blending
from dashboard.training.blending import SHARES, blend, blend_best, settle

IMAGES = np.full((40, 32, 32, 3), 100, np.uint8)
LABELS = np.zeros(40, int)


def model(weight: float) -> keras.Model:
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    made.set_weights([np.array([[weight]])])
    return made


def share_of(made: keras.Model) -> float:
    return round(float(made.get_weights()[0][0, 0]), 3)


def test_blended_weights_lie_between() -> None:
    made = model(0)
    blend(made, [np.array([[2.0]])], [np.array([[4.0]])], 0.25)
    assert share_of(made) == 2.5


def test_the_statistics_become_those_of_the_images_seen() -> None:
    made = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization(momentum=0.5)])
    seen = np.random.default_rng(0).normal((3, -1), (1, 2), (2560, 2)).astype(np.float32)
    settle(made, seen)
    _, _, mean, variance = made.get_weights()
    assert mean == pytest.approx([3, -1], abs=0.3) and variance == pytest.approx([1, 4], rel=0.3)


def check_choice(wrong_if_clean: dict[float, int], most: float, chosen: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Corrupted images are answered the better, the more of the new weights there is."""
    monkeypatch.setattr(blending, "NINE", ("brightness", "contrast"))
    made = model(1)

    def predict(images: np.ndarray) -> np.ndarray:
        share = share_of(made)
        clean = np.array_equal(images, IMAGES)
        wrong = wrong_if_clean.get(share, 0) if clean else round(40 - 20 * share)
        return np.eye(2)[(np.arange(40) < wrong).astype(int)]

    tried = blend_best(made, predict, [np.array([[0.0]])], np.zeros((2, 1)), IMAGES, LABELS, most)
    assert tried[0].share == chosen == share_of(made)
    assert [one.share for one in tried[1:]] == [*(s for s in SHARES if s != chosen), 0.0]
    assert tried[0].clean_accuracy == pytest.approx(1 - wrong_if_clean.get(chosen, 0) / 40)
    assert tried[-1].clean_accuracy == 1 and tried[-1].corrupted_error > tried[0].corrupted_error


@pytest.mark.parametrize(
    ("wrong_if_clean", "most", "chosen"),
    [
        ({1.0: 2, 0.8: 1}, 0.36, 0.6),
        ({1.0: 2, 0.8: 1}, 0.32, 0.8),
        ({1.0: 2, 0.8: 1}, 0.26, 1.0),
        ({1.0: 2}, 0.2, 1.0),  # none is robust enough
    ],
)
def test_of_shares_that_are_robust_enough_the_most_accurate_one_is_chosen(
    wrong_if_clean: dict[float, int], most: float, chosen: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_choice(wrong_if_clean, most, chosen, monkeypatch)
