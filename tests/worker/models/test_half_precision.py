from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from dashboard.core.metrics.temperature import softmax
from dashboard.core.models import precision
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.worker.models import loading
from dashboard.worker.models.half_precision import in_bfloat16
from tests.conftest import picture


def nested() -> keras.Model:
    keras.utils.set_random_seed(2)
    backbone = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization()], name="backbone"
    )
    inputs = keras.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(backbone(inputs))
    return keras.Model(inputs, layers.Dense(5, name="logits")(x))


def test_the_copy_computes_in_bfloat16_and_answers_nearly_the_same() -> None:
    model = nested()
    copy = in_bfloat16(model)
    assert copy.get_layer("logits").compute_dtype == "float32"
    x = np.random.default_rng(0).normal(size=(64, 16, 16, 3)).astype(np.float32)
    exact, fast = model.predict(x, verbose=0), copy.predict(x, verbose=0)
    assert fast.dtype == np.float32 and not np.array_equal(exact, fast)
    assert np.abs(exact - fast).max() < 0.02 * np.abs(exact).max()
    assert model.get_layer("backbone").layers[0].compute_dtype == "float32", "the model itself was changed"


@pytest.mark.parametrize(
    "allowed, native, setting, wanted",
    [
        (True, True, "auto", "bfloat16"),
        (False, True, "auto", "float32"),
        (True, False, "auto", "float32"),
        (True, True, "float32", "float32"),
    ],
)
def test_bfloat16_needs_a_version_a_cpu_and_a_setting_that_allow_it(
    tiny_version: ModelVersion, monkeypatch: pytest.MonkeyPatch, allowed: bool, native: bool, setting: str, wanted: str
) -> None:
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: native)
    monkeypatch.setattr(precision, "get_settings", lambda: Settings(precision=setting))  # type: ignore[arg-type]
    loading._load.cache_clear()
    version = replace(tiny_version, bfloat16=allowed)
    loaded = loading.load(version)
    assert loaded.precision == wanted and loaded.facts().precision == wanted
    images = np.stack([picture(i) for i in range(5)])
    loading._load.cache_clear()
    exact = loading.load(replace(tiny_version, bfloat16=False)).logits(images)
    found = loaded.logits(images)
    assert np.array_equal(found, exact) == (wanted == "float32") and np.allclose(
        softmax(found), softmax(exact), atol=0.1
    )
    loading._load.cache_clear()


def test_the_cpu_is_asked_by_its_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, wanted in (
        (("avx2", "avx512_bf16"), True),
        (("amx_bf16",), True),
        (("avx2", "avx512f"), False),
        ((), False),
    ):
        monkeypatch.setattr(precision, "cpu_features", lambda flags=flags: flags)
        assert precision.computes_bfloat16() is wanted
