"""Reads files from elsewhere in this process; dangerous files are refused before a model is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from dashboard.core.errors import ModelError
from dashboard.worker.adding.foreign_file import load_foreign
from tests.small_model import dense, edit_hdf5, saved, small


def ten_classes(first: list[Any] | None = None) -> keras.Model:
    return small((32, 32, 3), dense(10, "softmax"), first or ())


def refused(code: str, file: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_foreign(file, file.name)
    assert caught.value.code == code, caught.value
    assert caught.value.fix
    return caught.value


def test_hdf5_of_keras_2(tmp_path: Path) -> None:
    model = small((32, 32, 3), dense(3, "softmax"), [keras.layers.DepthwiseConv2D(3)])
    file = saved(model, tmp_path / "keras2.h5")

    def age(layer: dict[str, Any]) -> None:
        config = layer["config"]
        if layer["class_name"] == "InputLayer":
            config["batch_input_shape"] = config.pop("batch_shape")
            del config["optional"]
        if layer["class_name"] == "DepthwiseConv2D":
            config["groups"] = 1

    edit_hdf5(file, lambda config: [age(layer) for layer in config["config"]["layers"]])
    x = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(load_foreign(file, "it")(x), model(x), atol=1e-6)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_lambda_is_refused(suffix: str, tmp_path: Path) -> None:
    mark = tmp_path / "was-here"
    function = eval(f"lambda x, p={str(mark)!r}: (open(p, 'w').close(), x)[1]")
    file = saved(ten_classes([keras.layers.Lambda(function)]), tmp_path / f"m.{suffix}")
    mark.unlink(missing_ok=True)
    assert "Lambda" in refused("model_refused", file).message
    assert not mark.exists()


def test_hdf5_with_a_class_that_is_no_part_of_keras_is_refused(tmp_path: Path) -> None:
    file = saved(ten_classes(), tmp_path / "m.h5")
    edit_hdf5(file, lambda config: config["config"]["layers"][1].update(class_name="deserialize"))
    assert "deserialize" in refused("custom_layer", file).message


def test_hdf5_that_points_into_another_file_is_refused(tmp_path: Path) -> None:
    file = saved(ten_classes(), tmp_path / "m.h5")
    with h5py.File(file, "r+") as opened:
        opened["model_weights/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    assert "elsewhere" in refused("model_refused", file).message


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_truncated_file(suffix: str, tmp_path: Path) -> None:
    file = saved(ten_classes(), tmp_path / f"m.{suffix}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert "damaged" in refused("model_damaged", file).message


def test_weights_without_a_model(tmp_path: Path) -> None:
    file = tmp_path / "m.weights.h5"
    ten_classes().save_weights(file)
    assert "weights only" in refused("model_weights_only", file).message


def test_subclassed_model(tmp_path: Path) -> None:
    class Net(keras.Model):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.dense = keras.layers.Dense(10)

        def call(self, x: Any) -> Any:
            return self.dense(keras.ops.mean(x, axis=(1, 2)))

    model = Net()
    model(np.zeros((1, 32, 32, 3), np.float32))
    assert "subclassed model (class Net)" in refused("model_subclassed", saved(model, tmp_path / "net.keras")).message
