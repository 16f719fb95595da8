"""Checks (b), (f) and (g) for every method: the softmax does not matter, planted patches are found, targets differ."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from keras import layers

from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.overlay import resize_maps
from dashboard.worker.explanations.heatmaps import heatmaps
from dashboard.worker.models.network import Network
from dashboard.worker.models.taps import Taps
from tests.worker.reference_models import K, as_functional, features, heads, images, scramble

pytestmark = pytest.mark.usefixtures("fixed")
SIDE, PATCH, N = 24, 4, 20


def maps_of(network: Network, method: str, x: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    layer = network.taps.default_layer() if METHODS[method].uses_layer else None
    return heatmaps(network, method, x, targets, layer)


@pytest.fixture
def twins() -> Iterator[tuple[Network, Network]]:
    """Two networks with the same weights: one with a fused, saturated softmax and one without softmax."""
    fused, plain = as_functional([*features(), *heads("gap-fused")]), as_functional([*features(), *heads("gap-logits")])
    scramble(fused)
    weights = fused.get_weights()
    fused.set_weights([*weights[:-2], weights[-2] * 200, weights[-1]])
    plain.set_weights(fused.get_weights())
    assert fused.predict(images(), verbose=0).max() == 1.0
    yield Network(Taps(fused, "probabilities")), Network(Taps(plain, "logits"))


def test_b_and_g_softmax_fused_and_logit_copies_give_the_same_map_and_each_target_its_own(
    twins: tuple[Network, Network],
) -> None:
    x = images(n=1)
    for method in METHODS:
        found = []
        for target in range(K):
            one, other = (maps_of(network, method, x, np.array([target]))[0][0] for network in twins)
            assert np.abs(one - other).max() < 1e-5, method
            found.append(one)
        different = [np.abs(found[i] - found[j]).max() > 0.01 for i in range(K) for j in range(i)]
        assert all(different), method


@pytest.fixture(scope="module")
def detector() -> Network:
    """Detects two classes by one pattern each, anywhere in the picture: a matched filter, then the mean."""
    a, b = patterns()
    inputs = keras.Input((SIDE, SIDE, 3))
    found = layers.Conv2D(2, PATCH, padding="same", activation="relu", name="match")
    mixed = layers.Conv2D(2, 1, activation="relu", name="mix")
    x = layers.AveragePooling2D(2)(found(inputs))
    logits = layers.Dense(2, name="logits")
    model = keras.Model(inputs, logits(layers.GlobalAveragePooling2D()(mixed(x))))
    energy = (a**2).sum()
    found.set_weights([np.stack([a, b], axis=-1) / energy, np.array([-0.1, -0.1])])
    mixed.set_weights([np.eye(2)[None, None], np.zeros(2)])
    logits.set_weights([np.eye(2) * 1e5, np.zeros(2)])
    return Network(Taps(model, "logits"))


def patterns() -> tuple[np.ndarray, np.ndarray]:
    """Two uncorrelated patterns (PATCH, PATCH, 3) of +1 and -1."""
    rng = np.random.default_rng(8)
    a = rng.permutation(np.repeat([-1.0, 1.0], PATCH * PATCH * 3 // 2))
    b = a * rng.permutation(np.repeat([-1.0, 1.0], PATCH * PATCH * 3 // 2))
    return a.reshape(PATCH, PATCH, 3), b.reshape(PATCH, PATCH, 3)


def test_f_the_peak_lies_in_the_planted_patch(detector: Network) -> None:
    """Each picture holds both patterns, far apart, so a map of everything that stands out fails."""
    rng = np.random.default_rng(4)
    x = rng.normal(0, 0.3, (N, SIDE, SIDE, 3)).astype(np.float32)
    places = [(rng.integers(1, 6, 2), rng.integers(SIDE // 2 + 2, SIDE - PATCH - 1, 2)) for _ in range(N)]
    places = [pair if i % 2 else pair[::-1] for i, pair in enumerate(places)]
    for image, pair in zip(x, places, strict=True):
        for (top, left), pattern in zip(pair, patterns(), strict=True):
            image[top : top + PATCH, left : left + PATCH] = pattern
    for method in METHODS:
        hits = 0
        for target in range(2):
            maps, empty = maps_of(detector, method, x, np.full(N, target))
            assert not empty.any(), method
            for heatmap, pair in zip(resize_maps(maps, (SIDE, SIDE)), places, strict=True):
                row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
                top, left = pair[target]
                hits += top <= row < top + PATCH and left <= column < left + PATCH
        assert hits >= 0.95 * 2 * N, f"{method}: {hits} of {2 * N}"
