from __future__ import annotations

from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from dashboard.core.errors import ModelError
from dashboard.training import network
from dashboard.training.recipes import QUICK, RECIPES, shape
from tests.conftest import picture


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return network.build((8, 12), 5, side=16)


def test_shapes_and_names(model: keras.Model) -> None:
    assert model.input_shape == (None, 16, 16, 3) and model.output_shape == (None, 5)
    assert model.get_layer("block2_out").output.shape == (None, 4, 4, 12)
    assert model.get_layer("logits").activation.__name__ == "linear"


def test_whitening_gives_uncorrelated_filters_of_unit_variance(model: keras.Model) -> None:
    images = np.stack([picture(i, 16, 16) for i in range(400)]).astype(np.float32) / 127.5 - 1
    images += np.random.default_rng(0).normal(0, 0.3, images.shape).astype(np.float32)  # no direction without variance
    network.whiten(model, images)
    first = model.get_layer(network.WHITENING_LAYER)
    inner = np.asarray(keras.ops.convert_to_numpy(first(images)))[:, :-1, :-1].reshape(
        -1, 24
    )  # at the border, the padding adds zeros
    assert np.allclose((inner**2).mean(axis=0), 1, atol=0.05)
    assert np.allclose(inner[:, :12], -inner[:, 12:], atol=1e-3)
    second_moments = inner[:, :12].T @ inner[:, :12] / len(inner)
    assert np.abs(second_moments - np.eye(12)).max() < 0.05
    assert not first.trainable


def test_convolutions_begin_as_the_identity(model: keras.Model) -> None:
    conv = model.get_layer("block1_conv2")
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 8)).astype(np.float32)
    assert np.allclose(keras.ops.convert_to_numpy(conv(x)), x, atol=1e-6)
    wider = model.get_layer("block2_conv1")  # 8 -> 12 channels: the first 8 pass through
    out = keras.ops.convert_to_numpy(wider(x))
    assert np.allclose(out[..., :8], x, atol=1e-6) and not np.allclose(out[..., 8:], 0)


def test_squeeze_and_excitation_begins_by_changing_nothing_and_then_does() -> None:
    keras.utils.set_random_seed(1)
    plain, squeezed = (network.build((8, 12), 5, 16, squeeze) for squeeze in (False, True))
    network.copy_weights(plain, squeezed)
    x = np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype(np.float32)
    assert np.allclose(plain.predict(x, verbose=0), squeezed.predict(x, verbose=0), atol=1e-5)
    gate = squeezed.get_layer("block1_se_gate")
    gate.set_weights([np.ones_like(gate.get_weights()[0]), gate.get_weights()[1]])
    assert not np.allclose(plain.predict(x, verbose=0), squeezed.predict(x, verbose=0), atol=1e-3)


@pytest.mark.parametrize("width", [8, 1])
def test_a_layer_of_another_size_is_refused(width: int) -> None:
    with pytest.raises(ModelError, match="block1_conv1 has another size"):
        network.copy_weights(network.build((width,), 5, 16), network.build((6,), 5, 16))


def test_a_network_without_a_side_takes_any() -> None:
    model = network.build((4, 4), 3, None, squeeze=True)
    assert model.predict(np.zeros((1, 24, 24, 3)), verbose=0).shape == (1, 3)
    assert model.predict(np.zeros((1, 32, 32, 3)), verbose=0).shape == (1, 3)


def test_another_policy_for_one_network_only() -> None:
    layout: dict[str, Any] = {"widths": (4,), "squeeze": True}
    exact = network.build(num_classes=3, **layout)
    model = network.rebuilt(exact, "mixed_bfloat16", 24, **layout)
    assert all(np.array_equal(a, b) for a, b in zip(exact.get_weights(), model.get_weights(), strict=True))
    assert model.input_shape[1:3] == (24, 24) and model.get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert model.get_layer("logits").compute_dtype == "float32" and keras.config.dtype_policy().name == "float32"


def test_recipes_stay_within_their_cost() -> None:
    for name, recipe in RECIPES.items():
        most = {"cifar10-teacher": np.inf, "cifar10-small": 90e6, QUICK: 90e6}.get(name, 300e6)
        model = network.build(num_classes=10, **shape(asdict(recipe)))
        assert network.count_flops(model) <= most and model.get_layer("pool").input.shape[1:3] == (4, 4)


def test_count_flops_by_hand() -> None:
    inputs = keras.Input((10, 10, 3))
    x = layers.Conv2D(4, 3, padding="valid", use_bias=False)(inputs)  # 8 x 8 places, 3*3*3*4 multiply-adds each
    x = layers.Conv2D(2, 1, strides=2)(x)  # 4 x 4 places, 4*2 each
    x = layers.Dense(5)(layers.Flatten()(x))  # 32 * 5
    assert network.count_flops(keras.Model(inputs, x)) == 2 * (64 * 108 + 16 * 8 + 160)
