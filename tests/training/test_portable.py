from __future__ import annotations

import inspect
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from dashboard.training.portable import save_portably


def functional() -> keras.Model:
    """A model in which the convolution, the normalisation and the dense layer have settings other than the defaults."""
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(
        4, 3, strides=2, padding="same", activation="silu", kernel_regularizer=keras.regularizers.L2(0.03), name="conv"
    )(inputs)
    x = layers.BatchNormalization(epsilon=0.02, momentum=0.9, name="norm")(x)
    return keras.Model(inputs, layers.Dense(3, use_bias=False, name="out")(layers.Flatten()(x)), name="inner")


def sequential() -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv"), layers.Flatten()])


def nested() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, layers.Softmax()(functional()(inputs)))


def config_of(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))  # type: ignore[no-any-return]


def keras_objects(node: Any) -> Iterator[dict[str, Any]]:
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from keras_objects(child)
    if isinstance(node, dict) and isinstance(node.get("config"), dict) and "class_name" in node:
        yield node


def layer_config(path: Path, name: str) -> dict[str, Any]:
    return next(o["config"] for o in keras_objects(config_of(path)) if o["config"].get("name") == name)


@pytest.mark.parametrize("build", [functional, sequential, nested])
def test_the_same_outputs_and_no_defaults(build: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = build()
    for weight in model.weights:  # also the moving averages, which begin at 0 and 1
        weight.assign(np.random.default_rng(1).uniform(0.1, 1, weight.shape))
    save_portably(model, tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", compile=False, safe_mode=True)
    x = np.random.default_rng(0).random((3, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    found = list(keras_objects(config_of(tmp_path / "m.keras")))
    assert len(found) > 4
    for thing in found:
        cls = getattr(keras.layers, thing["class_name"], None) or getattr(keras.initializers, thing["class_name"], None)
        defaults = inspect.signature(cls.__init__).parameters if cls else {}
        settings = [
            (name, value, defaults[name].default) for name, value in thing["config"].items() if name in defaults
        ]
        assert [s for s in settings if s[1] == s[2] and type(s[1]) is type(s[2])] == []


def test_less_is_written_than_keras_writes(tmp_path: Path) -> None:
    model = functional()
    model.save(tmp_path / "whole.keras")
    save_portably(model, tmp_path / "portable.keras")
    assert {"groups", "activity_regularizer"} <= set(layer_config(tmp_path / "whole.keras", "conv"))
    assert not {"groups", "activity_regularizer", "use_bias"} & set(layer_config(tmp_path / "portable.keras", "conv"))


@pytest.mark.parametrize("build", [functional, nested])
def test_settings_that_are_no_defaults_stay(build: Any, tmp_path: Path) -> None:
    save_portably(build(), tmp_path / "m.keras")
    conv = layer_config(tmp_path / "m.keras", "conv")
    assert (conv["filters"], conv["strides"], conv["padding"], conv["activation"]) == (4, [2, 2], "same", "silu")
    assert conv["kernel_regularizer"]["config"]["l2"] == pytest.approx(0.03)
    norm = layer_config(tmp_path / "m.keras", "norm")
    assert (norm["epsilon"], norm["momentum"]) == (0.02, 0.9)
    assert layer_config(tmp_path / "m.keras", "out")["use_bias"] is False


def test_a_saved_model_can_be_read_back_and_saved_again(tmp_path: Path) -> None:
    save_portably(functional(), tmp_path / "once.keras")
    again = keras.saving.load_model(tmp_path / "once.keras", compile=False)
    save_portably(again, tmp_path / "twice.keras")
    once, twice = (layer_config(tmp_path / f"{name}.keras", "conv") for name in ("once", "twice"))
    assert once == twice
