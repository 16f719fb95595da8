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
