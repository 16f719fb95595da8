"""Hostile and damaged model files are refused."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from dashboard.core.errors import ModelError
from dashboard.worker.adding.structure import copied_anew, without_training
from dashboard.worker.models.archive import MAX_CONFIG_BYTES, check_archive
from dashboard.worker.models.loading import load_file

Config = dict[str, Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(2, 3, name="conv"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="out"),
        ]
    )
    path = tmp_path_factory.mktemp("model") / "m.keras"
    model.save(path)
    return path.read_bytes()


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {n: archive.read(n) for n in archive.namelist()}


def packed(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_config(data: bytes, config: Any) -> bytes:
    return packed({**members(data), "config.json": json.dumps(config).encode()})


def config_of(data: bytes) -> Config:
    config: Config = json.loads(members(data)["config.json"])
    return config


def layer_of(config: Config, name: str) -> Config:
    return next(layer for layer in config["config"]["layers"] if layer["config"].get("name") == name)


def refused(data: bytes) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_file(data, "evil.keras")
    assert "evil.keras" in caught.value.message and caught.value.fix
    return caught.value


def test_a_plain_model_is_accepted(whole: bytes) -> None:
    check_archive(whole, "it")
    assert load_file(whole, "it").count_params() == 56 + 146


def test_a_flipped_bit_in_the_weights_is_damage_and_not_a_matter_of_keras(whole: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        weights = archive.getinfo("model.weights.h5")
    at = weights.header_offset + 200 + weights.compress_size // 2
    error = refused(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    assert error.code == "model_damaged" and "add the model again" in error.fix


def test_a_compiled_model_is_accepted_and_loaded_without_its_optimizer(tmp_path: Path, whole: bytes) -> None:
    model = load_file(whole, "it")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((2, 8, 8, 3)), np.zeros(2), verbose=0)
    model.save(tmp_path / "c.keras")
    assert not load_file((tmp_path / "c.keras").read_bytes(), "it").compiled


@pytest.mark.parametrize(
    "application", ["MobileNetV2", "EfficientNetV2B0"]
)  # their configs contain Rescaling, Normalization, ReLU, depthwise convolutions ...
def test_the_architectures_of_keras_are_accepted(tmp_path: Path, application: str) -> None:
    model = getattr(keras.applications, application)(input_shape=(32, 32, 3), weights=None, classes=3)
    config = {"class_name": "Functional", "module": "keras.src.models.functional", "config": model.get_config()}
    check_archive(packed({"config.json": json.dumps(config, default=str).encode(), "model.weights.h5": b""}), "it")


def test_a_lambda_is_refused_without_effect(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = compile(f"lambda x: (__import__('os').system('touch {marker}'), x)[1]", "evil", "eval")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(eval(code))])
    marker.unlink(missing_ok=True)
    model.save(tmp_path / "m.keras")
    error = refused((tmp_path / "m.keras").read_bytes())
    assert error.code == "model_refused" and "Lambda" in error.message and not marker.exists()


GADGETS = {
    "foreign class": {"module": "os", "class_name": "system", "config": {"command": "true"}},
    "foreign layer": {"module": "my_package.layers", "class_name": "Mine", "config": {}},
    "submodule of a package named like keras": {"module": "kerasevil.layers", "class_name": "Mine", "config": {}},
    "utility of keras": {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "http://x"}},
    "nested load_model": {"module": "keras.models", "class_name": "load_model", "config": {"filepath": "/x"}},
    "dotted path": {"module": "keras", "class_name": "config.set_floatx", "config": {"floatx": "float64"}},
    "config": {"module": "keras.config", "class_name": "set_floatx", "config": {"floatx": "float64"}},
    "function": {
        "module": "keras.config",
        "class_name": "function",
        "config": "set_floatx",
        "registered_name": "set_floatx",
    },
    "lambda": {"class_name": "__lambda__", "config": {"value": "AAAA"}},
    "type of TensorFlow": {"module": "tensorflow", "class_name": "__typespec__", "spec_name": "X", "config": []},
    "saved model": {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/x"}},
}


@pytest.mark.parametrize("gadget", GADGETS.values(), ids=GADGETS)
@pytest.mark.parametrize("place", ["layer", "activation", "initializer", "build_config"])
def test_gadgets_are_refused_wherever_they_are(whole: bytes, gadget: Config, place: str) -> None:
    config = config_of(whole)
    if place == "layer":
        config["config"]["layers"].insert(1, gadget)
    elif place == "build_config":
        config["build_config"] = {"input_shape": gadget}
    else:
        key = {"activation": "activation", "initializer": "kernel_initializer"}[place]
        layer_of(config, "conv")["config"][key] = gadget
    is_layer = gadget in (GADGETS["foreign layer"], GADGETS["submodule of a package named like keras"])
    assert refused(with_config(whole, config)).code == ("custom_layer" if is_layer else "model_refused")
    assert keras.config.floatx() == "float32"


def test_an_operation_that_would_set_floatx_is_refused(whole: bytes) -> None:
    """Keras calls such an operation while it builds the graph, even if it is not connected to the outputs."""
    for module, name in (
        ("keras.config", "set_floatx"),
        ("keras", "config.set_floatx"),
        ("keras.src.backend.config", "set_floatx"),
    ):
        gadget = {
            "module": module, "class_name": name, "config": {}, "registered_name": None, "name": "gadget",
            "inbound_nodes": [{"args": ["float64"], "kwargs": {}}],
        }  # fmt: skip
        config = config_of(whole)
        config["config"]["layers"].append(gadget)
        refused(with_config(whole, config))
        assert keras.config.floatx() == "float32"


@pytest.mark.parametrize("key, value", [("units", 10**11), ("units", 1e11), ("filters", 2**40)])
def test_a_layer_of_absurd_size_is_refused(whole: bytes, key: str, value: float) -> None:
    config = config_of(whole)
    layer_of(config, "out" if key == "units" else "conv")["config"][key] = value
    assert refused(with_config(whole, config)).code == "model_refused"


@pytest.mark.parametrize(
    "name", ["evil.py", "assets/x", "../model.weights.h5", "config.json/x", "/config.json", "Config.json"]
)
def test_other_members_are_refused(whole: bytes, name: str) -> None:
    assert "also contains" in refused(packed({**members(whole), name: b"x"})).message


def test_what_macos_leaves_behind_is_not_in_the_model(whole: bytes) -> None:
    debris = {"__MACOSX/._config.json": b"\0\5\x16\7", ".DS_Store": b"Bud1"}
    data = packed({**members(whole), **debris})
    check_archive(data, "m.keras")
    assert members(without_training(data, "m.keras")).keys() == members(whole).keys()


def test_a_config_or_metadata_of_hundreds_of_megabytes_is_refused(whole: bytes) -> None:
    for name in ("config.json", "metadata.json"):
        huge = packed({**members(whole), name: b" " * (MAX_CONFIG_BYTES + 1)}, zipfile.ZIP_DEFLATED)
        assert len(huge) < 100_000 and "too large" in refused(huge).message


@pytest.mark.parametrize(
    "config", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b"[" * 100_000, b'{"class_name": []}']
)
def test_a_config_that_is_none(whole: bytes, config: bytes) -> None:
    assert refused(packed({**members(whole), "config.json": config})).code in ("model_refused", "model_unreadable")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_missing_member(whole: bytes, name: str) -> None:
    parts = members(whole)
    del parts[name]
    assert name in refused(packed(parts)).message


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_truncated_file_is_damaged(whole: bytes, share: float) -> None:
    assert refused(whole[: int(share * len(whole))]).code == "model_damaged"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_never_gives_another_model(whole: bytes, method: int) -> None:
    """Loading raises a ModelError or, if the bit has no meaning, gives the same weights."""
    data = packed(members(whole), method)
    wanted = load_file(data, "it").get_weights()
    rng = np.random.default_rng(0)
    errors = 0
    for place in rng.choice(len(data), 25, replace=False):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        try:
            found = load_file(bytes(flipped), "it").get_weights()
        except ModelError:
            errors += 1
        else:
            assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert errors > 12


def test_a_flipped_bit_in_the_weights_is_told_by_the_checksum(whole: bytes) -> None:
    data = bytearray(packed(members(whole), zipfile.ZIP_STORED))
    data[data.index(b"\x89HDF") + 2000] ^= 1
    error = refused(bytes(data))
    assert error.code == "model_damaged" and "Bad CRC-32 for file 'model.weights.h5'" in error.message
    with pytest.raises(ModelError) as caught, copied_anew():
        check_archive(bytes(data), "m.keras")
    assert caught.value.fix == "Copy or download the file again."


def test_what_is_no_archive() -> None:
    for data in (b"", b"\x89HDF\r\n\x1a\n" + bytes(100), os.urandom(500)):
        assert refused(data).code == "model_damaged"
