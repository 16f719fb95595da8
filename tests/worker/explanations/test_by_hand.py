"""The arithmetic of each method, with numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.worker.explanations import integrated_gradients, occlusion, score_cam
from dashboard.worker.explanations.grad_cam import grad_cam
from dashboard.worker.explanations.grad_cam_plus_plus import grad_cam_plus_plus
from dashboard.worker.explanations.hires_cam import hires_cam
from dashboard.worker.explanations.layer_cam import layer_cam
from dashboard.worker.explanations.occlusion import cover, patches
from dashboard.worker.explanations.randomization import rank_correlation
from dashboard.worker.explanations.unit_range import to_unit_range
from dashboard.worker.models.network import Network

ACTIVATIONS = np.array([[[[1.0, 2.0], [3.0, 0.0]]]])  # (1, 1, 2, 2): two places, two channels
GRADIENTS = np.array([[[[1.0, -1.0], [0.0, -3.0]]]])


def test_grad_cam() -> None:
    # weights: mean over places = (0.5, -2); map: (0.5 - 4, 1.5 - 0), negative values cut off
    assert grad_cam(ACTIVATIONS, GRADIENTS).tolist() == [[[0.0, 1.5]]]


def test_grad_cam_plus_plus() -> None:
    # channel 0: sum 4, gradients (1, 0): alpha 1 / (2 + 4) at the first place, weight 1/6; channel 1: none positive
    assert grad_cam_plus_plus(ACTIVATIONS, GRADIENTS)[0, 0] == pytest.approx([1 / 6, 3 / 6])


def test_layer_cam() -> None:
    assert layer_cam(ACTIVATIONS, GRADIENTS).tolist() == [[[1.0, 0.0]]]


def test_hires_cam() -> None:
    # (1 - 2, 0 - 0)
    assert hires_cam(ACTIVATIONS, GRADIENTS).tolist() == [[[0.0, 0.0]]]
    assert hires_cam(ACTIVATIONS, -GRADIENTS).tolist() == [[[1.0, 0.0]]]


def test_score_cam() -> None:
    channels = np.array([[[1.0, 0.0]], [[0.0, 2.0]], [[5.0, 5.0]]])
    assert score_cam.varying(channels).tolist() == [0, 1]
    weighted = score_cam.combine(channels[:2], np.log([3.0, 1.0]))  # softmax: 3/4, 1/4
    assert weighted[0] == pytest.approx([0.75, 0.5])
    far_below = score_cam.combine(channels[:2], np.log([3.0, 1.0]).astype(np.float32) - 300)
    assert far_below == pytest.approx(weighted, rel=1e-4)
    masked = score_cam.mask(np.array([[[0.0], [4.0]]]), channels[:2])  # the background is the mean, 2
    assert masked[..., 0].tolist() == [[[0.0, 2.0]], [[2.0, 4.0]]]


def test_score_cam_of_a_layer_that_is_the_same_everywhere_is_empty() -> None:
    assert score_cam.combine(np.zeros((0, 2, 2)), np.zeros(0)).tolist() == [[0, 0], [0, 0]]


def test_integrated_gradients() -> None:
    places, weights = integrated_gradients.quadrature(8)
    assert weights.sum() == pytest.approx(1) and (weights * places**3).sum() == pytest.approx(1 / 4)
    image, baseline = np.array([[[3.0]]]), np.array([[[1.0]]])
    way = integrated_gradients.path(image, baseline, places)
    assert way.shape == (8, 1, 1, 1) and way.min() > 1 and way.max() < 3
    # x^2 rises by 8 from 1 to 3
    attribution = integrated_gradients.integrate(image, baseline, 2 * way, weights)
    assert attribution == pytest.approx(8)
    assert integrated_gradients.completeness_error(attribution, 8.0) < 1e-6
    assert integrated_gradients.completeness_error(attribution, 10.0) == pytest.approx(0.2)


def test_gathering_keeps_the_sum_and_lets_neighbours_cancel() -> None:
    attribution = np.zeros((1, 40, 40, 2), np.float32)
    attribution[0, 20, 20] = [2, 1]
    gathered = integrated_gradients.gather(attribution)
    assert gathered.sum() == pytest.approx(3, rel=1e-3) and gathered.argmax() == 20 * 40 + 20
    attribution[0, 20, 21] = [-2, -1]
    assert np.abs(integrated_gradients.gather(attribution)).max() < gathered.max() / 2


def test_occlusion_patches_reach_every_pixel_of_any_size() -> None:
    for height, width in ((32, 32), (8, 20), (1, 1), (224, 224)):
        covers = occlusion.patches(height, width)
        times = covers.sum(axis=0)
        assert times.min() > 0 and times.max() <= 2.5 * times.min() and len(covers) <= occlusion.POSITIONS**2


def test_occlusion_spreads_a_fall_over_what_was_covered() -> None:
    covers = np.array([[[True, True, False]], [[False, True, True]]])
    assert occlusion.spread(np.array([4.0, 2.0]), covers).tolist() == [[4, 3, 2]]
    assert occlusion.spread(np.array([4.0, -6.0]), covers).tolist() == [[4, 0, 0]]


def test_each_image_has_its_own_weights() -> None:
    activations = np.ones((2, 3, 3, 1))
    gradients = np.stack([np.full((3, 3, 1), 2.0), np.full((3, 3, 1), -2.0)])
    for method in (grad_cam, grad_cam_plus_plus, layer_cam, hires_cam):
        maps = method(activations, gradients)
        assert (maps[0] > 0).all() and (maps[1] == 0).all() and maps.dtype == np.float32


def test_activations_below_zero_do_not_make_grad_cam_plus_plus_blow_up() -> None:
    """With SiLU, a channel's sum times its gradient may be -2; then the denominator would vanish."""
    maps = grad_cam_plus_plus(np.full((1, 2, 2, 1), -1.0), np.full((1, 2, 2, 1), 0.5))
    assert np.isfinite(maps).all() and (maps == 0).all()


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


def test_rank_correlation() -> None:
    one = np.array([[1.0, 2.0], [3.0, 9.0]])
    assert rank_correlation(one, one**3) == pytest.approx(1) and rank_correlation(one, -one) == pytest.approx(-1)
    assert rank_correlation(one, np.zeros((2, 2))) == 0


def test_variants_come_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Counting(Network):
        def __init__(self) -> None:
            pass

        def target_logits(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
            seen.append(len(images))
            return images.sum(axis=(1, 2, 3)) + targets

    monkeypatch.setattr("dashboard.worker.models.network.VARIANTS_BYTES", 4000)
    parts, image = np.arange(10.0), np.ones((4, 4, 3), np.float32)
    found = Counting().target_logits_of(lambda some: image * some[:, None, None, None], parts, 1000, 2)
    assert np.array_equal(found, 48 * parts + 2) and seen == [4, 4, 2]


def test_covering_a_picture_of_one_colour_changes_nothing() -> None:
    image = np.full((380, 380, 3), 128 / 255, np.float32)
    assert np.array_equal(cover(image, patches(380, 380)[:3]), np.stack([image] * 3))
