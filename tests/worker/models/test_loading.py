"""Loads small models and calls them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from dashboard.core.errors import ModelError
from dashboard.core.files import sha256_of
from dashboard.core.images.preprocessing import Preprocessing, normalize
from dashboard.core.models.version import ModelVersion
from dashboard.worker.models import loading
from tests.conftest import picture

NAMES = ("cat", "dog", "frog")
MakeVersion = Callable[..., ModelVersion]


def small(*end: layers.Layer, shape: tuple[int | None, ...] = (8, 8, 3)) -> keras.Model:
    keras.utils.set_random_seed(5)
    head = end or (layers.Dense(3, kernel_initializer="random_normal"),)
    return keras.Sequential(
        [keras.Input(shape), layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D(), *head]
    )


@pytest.fixture
def make_version(tmp_path: Path) -> MakeVersion:
    def make(model: keras.Model, **changes: Any) -> ModelVersion:
        model.save(tmp_path / "model.keras")
        version = ModelVersion(
            "small", "1", tmp_path, NAMES, Preprocessing(8, 8), "logits", sha256_of(tmp_path / "model.keras")
        )
        return replace(version, **changes)

    return make


def refused(version: ModelVersion) -> ModelError:
    with pytest.raises(ModelError) as caught:
        loading.load(version)
    assert "small@1" in caught.value.message and caught.value.fix
    return caught.value


def batch(n: int) -> np.ndarray:
    return np.stack([picture(i, 8, 8) for i in range(n)])


@pytest.mark.parametrize("n", [1, 2, 3, 127, 128, 129, 300])
def test_any_number_of_images_gives_what_keras_gives(make_version: MakeVersion, n: int) -> None:
    model = small()
    version = make_version(model, temperature=2.0)
    predictions = loading.load(version).predict(batch(n))
    wanted = model.predict(normalize(batch(n), version.preprocessing), verbose=0)
    assert len(predictions) == n
    assert np.allclose([p.logits for p in predictions], wanted, atol=1e-5)
    probs = np.exp(wanted / 2.0) / np.exp(wanted / 2.0).sum(axis=1, keepdims=True)
    assert np.allclose([p.pred_probs for p in predictions], probs, atol=1e-6)


def test_probabilities_are_those_of_the_model_at_temperature_1(make_version: MakeVersion) -> None:
    model = small(layers.Dense(3, activation="softmax"))
    version = make_version(model, output="probabilities")
    found = [p.pred_probs for p in loading.load(version).predict(batch(5))]
    assert np.allclose(found, model.predict(normalize(batch(5), version.preprocessing), verbose=0), atol=1e-6)


def test_one_sigmoid_unit_is_a_classifier_of_two(make_version: MakeVersion) -> None:
    model = small(layers.Dense(1, activation="sigmoid"))
    version = make_version(model, output="probabilities", class_names=("cat", "dog"))
    found = np.array([p.pred_probs for p in loading.load(version).predict(batch(4))])
    assert np.allclose(
        found[:, 1], model.predict(normalize(batch(4), version.preprocessing), verbose=0)[:, 0], atol=1e-6
    )


def test_a_model_for_any_size_is_used_at_the_size_of_its_record(make_version: MakeVersion) -> None:
    loaded = loading.load(make_version(small(shape=(None, None, 3))))
    assert len(loaded.predict(batch(2))) == 2
    assert [(layer.name, layer.grid) for layer in loaded.taps.conv_layers] == [("conv", (6, 6))]


def test_a_model_is_loaded_once_and_again_when_its_file_changes(make_version: MakeVersion) -> None:
    version = make_version(small())
    assert loading.load(version) is loading.load(replace(version, metrics={"shown": 1}))
    os.utime(version.file, ns=(1, 1))
    assert loading.load(version).version == version
    assert loading.load(replace(version, temperature=3.0)).version.temperature == 3.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(make_version: MakeVersion, value: float) -> None:
    model = small()
    model.layers[-1].bias.assign([0.0, value, 0.0])
    assert refused(make_version(model)).code == "not_finite"


@pytest.mark.parametrize(
    "model, changes",
    [
        (lambda: small(layers.Dense(4)), {}),
        (lambda: small(layers.Dense(1)), {}),
        (lambda: small(layers.Dense(3), layers.Reshape((1, 3))), {}),
        (lambda: small(shape=(9, 8, 3)), {}),
        (lambda: small(shape=(8, 8, 1)), {}),
        (lambda: small(), {"preprocessing": Preprocessing(8, 8, color="grayscale")}),
        (lambda: keras.Sequential([keras.Input((8,)), layers.Dense(3)]), {}),
        (lambda: keras.Model(i := keras.Input((8, 8, 3)), [layers.Flatten()(i), layers.Flatten()(i)]), {}),
    ],
)
def test_shapes_that_are_not_those_of_the_record_are_refused(
    make_version: MakeVersion, model: Callable[[], keras.Model], changes: dict[str, Any]
) -> None:
    assert refused(make_version(model(), **changes)).code == "model_shape"


def test_a_model_that_was_never_built_is_refused(make_version: MakeVersion) -> None:
    never = keras.Sequential([layers.Flatten(), layers.Dense(3)])
    with pytest.warns(UserWarning, match="not yet been built"):
        version = make_version(never)
    assert refused(version).code in ("model_shape", "model_unreadable")


def test_another_file_than_the_recorded_one_is_refused(make_version: MakeVersion) -> None:
    version = make_version(small())
    data = bytearray(version.file.read_bytes())
    data[len(data) // 2] ^= 1
    version.file.write_bytes(data)
    assert refused(version).code == "checksum"
    version.file.write_bytes(data[:-100])
    assert refused(version).code == "checksum"
    version.file.unlink()
    assert refused(version).code == "model_missing"


def test_a_file_replaced_while_it_is_used_is_old_or_new_or_refused_never_mixed(make_version: MakeVersion) -> None:
    old = make_version(small())
    before = [p.logits for p in loading.load(old).predict(batch(3))]
    other = small()
    other.set_weights([w + 1 for w in other.get_weights()])
    new = make_version(other)
    assert new.file == old.file
    assert refused(old).code == "checksum"
    after = [p.logits for p in loading.load(new).predict(batch(3))]
    assert np.allclose(after, other.predict(normalize(batch(3), new.preprocessing), verbose=0), atol=1e-5)
    assert not np.allclose(after, before)


def test_facts(make_version: MakeVersion) -> None:
    facts = loading.load(make_version(small())).facts()
    assert facts.input_shape == (None, 8, 8, 3) and facts.output_shape == (None, 3)
    assert facts.parameters == 4 * 28 + 15 and facts.layers == 4
    assert 0 < facts.latency_ms < 1000 and facts.load_s > 0 and facts.conv_layers[0].grid == (6, 6)
