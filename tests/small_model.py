"""Small Keras models, saved as users save them, and functions that edit their files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def small(shape: Sequence[int | None], last: list[Any], first: Sequence[Any] = ()) -> Any:
    """A Sequential with one convolution."""
    import keras

    keras.utils.set_random_seed(3)
    convolution = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential([keras.Input(tuple(shape)), *first, *convolution, *last])


def dense(units: int, activation: str | None) -> list[Any]:
    import keras

    return [keras.layers.Dense(units, activation=activation)]


def forked(classes: int) -> Any:
    """Two networks of one convolution, "left" and then "right", for 32x32 pixels. Their logits are added.

    The left one ends in one more layer, so Keras runs its convolution first.
    """
    import keras

    keras.utils.set_random_seed(3)
    pixels = keras.Input((32, 32, 3))
    inputs = keras.layers.Rescaling(1 / 255)(pixels)
    logits = []
    for name in ("left", "right"):
        found = keras.layers.Conv2D(4, 3, strides=4, padding="same", activation="relu", name=name)(inputs)
        vector = keras.layers.GlobalAveragePooling2D()(found)
        if name == "left":
            vector = keras.layers.Dense(4)(vector)
        logits.append(keras.layers.Dense(classes)(vector))
    return keras.Model(pixels, keras.layers.Softmax()(keras.layers.Add()(logits)))


def saved(model: Any, path: Path) -> Path:
    model.save(path)
    return path


def edit_hdf5(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Changes the model's config in place."""
    import h5py

    with h5py.File(file, "r+") as opened:
        config = json.loads(opened.attrs["model_config"])
        edit(config)
        del opened.attrs["model_config"]
        opened.attrs["model_config"] = json.dumps(config)
