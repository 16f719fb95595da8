from __future__ import annotations

import numpy as np
import pytest

from dashboard.worker.explanations.grad_cam import grad_cam
from dashboard.worker.explanations.unit_range import to_unit_range


def test_by_hand() -> None:
    activations = np.array([[[[1.0, 2.0], [3.0, 0.0]]]])  # (1, 1, 2, 2): two places, two channels
    gradients = np.array([[[[1.0, -1.0], [0.0, -3.0]]]])
    # weights: mean over places = (0.5, -2); map: (0.5 - 4, 1.5 - 0), negative cut off
    assert grad_cam(activations, gradients).tolist() == [[[0.0, 1.5]]]


def test_each_image_has_its_own_weights() -> None:
    activations = np.ones((2, 3, 3, 1))
    gradients = np.stack([np.full((3, 3, 1), 2.0), np.full((3, 3, 1), -2.0)])
    maps = grad_cam(activations, gradients)
    assert (maps[0] == 2).all() and (maps[1] == 0).all() and maps.dtype == np.float32


def test_unit_range() -> None:
    maps = np.array([[[0.0, 4.0]], [[0.0, 0.0]]], np.float32)
    unit, empty = to_unit_range(maps)
    assert unit.tolist() == [[[0.0, 1.0]], [[0.0, 0.0]]] and empty.tolist() == [False, True]


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_scale_of_the_logits_does_not_matter(scale: float) -> None:
    rng = np.random.default_rng(0)
    activations, gradients = rng.random((1, 4, 4, 3)), rng.normal(size=(1, 4, 4, 3))
    wanted, _ = to_unit_range(grad_cam(activations, gradients))
    found, empty = to_unit_range(grad_cam(activations, gradients * scale))
    assert np.allclose(found, wanted, atol=1e-6) and not empty[0]
