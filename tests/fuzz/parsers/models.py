"""Model files, as far as they are read without TensorFlow: model.json, `.keras` archives, `.h5` structure."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import psutil

from dashboard.core.errors import ModelError
from dashboard.core.models.model_files import take_model
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import BrokenVersion, read_version, to_record
from dashboard.worker.adding.structure import read_structure
from tests.fuzz.parser import Content, Parser, digest, place_of
from tests.fuzz.parsers.archives import zipped
from tests.fuzz.structured import json_values, raw, text, zip_headers, zip_members, zip_stream

_LIMIT_S = 10.0  # a whole file takes milliseconds
_MOST_BYTES = 2 * 2**30  # of memory, besides that of the process that it is forked from
_LAYERS = [
    {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3], "name": "in"}},
    {"module": "keras.layers", "class_name": "Flatten", "config": {"name": "flat"}},
    {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "activation": "softmax", "name": "out"}},
]
_CONFIG = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": _LAYERS}}
_COMPILED = {**_CONFIG, "compile_config": {"optimizer": "adam", "loss": "categorical_crossentropy"}}
_MODEL_JSON = {
    "class_names": ["cat", "dog", "ant"], "output": "logits", "temperature": 1.5, "sha256": "ab" * 32,
    "preprocessing": {"height": 32, "width": 32, "scale": 0.0078, "mean": [1.0], "std": [1.0]},
    "metrics": {"accuracy": 0.91, "accuracy_ci95": [0.9, 0.92], "n": 10000},
    "provenance": {"notes": ["A note."], "added_utc": "2026-01-01T00:00:00+00:00"},
}  # fmt: skip


def _weights() -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.create_dataset("0", data=np.ones((192, 3), np.float32))
        group.create_dataset("1", data=np.zeros(3, np.float32))
    return out.getvalue()


def keras_archives() -> list[bytes]:
    found = []
    for config, version in ((_CONFIG, "3.15.1"), (_COMPILED, "3.4.0"), (_CONFIG, "2.14.0")):
        metadata = {"keras_version": version, "date_saved": "2026-01-01@00:00:00"}
        found.append(
            zipped(
                {
                    "metadata.json": json.dumps(metadata).encode(),
                    "config.json": json.dumps(config).encode(),
                    "model.weights.h5": _weights(),
                }
            )
        )
    return found


def h5_files() -> list[bytes]:
    found = []
    for newer in (False, True):
        out = io.BytesIO()
        with h5py.File(out, "w", libver="latest" if newer else "earliest") as file:
            file.attrs["model_config"] = json.dumps(_CONFIG)
            file.attrs["keras_version"] = "2.14.0"
            file.attrs["training_config"] = json.dumps({"loss": "mse"})
            weights = file.create_group("model_weights")
            weights.attrs["layer_names"] = np.array(["flat", "out"], dtype=object)  # in the global heap, as Keras does
            for name in ("flat", "out"):
                weights.create_group(name).attrs["weight_names"] = np.array([f"{name}/kernel:0"], "S20")
            weights["out"].create_dataset("out/kernel:0", data=np.ones((192, 3), np.float32), compression="gzip")
        found.append(out.getvalue())
    return found


def _read_model(suffix: str, data: bytes, folder: Path) -> Content:
    given = folder / f"m{suffix}"
    given.write_bytes(data)
    take_model(given, folder / "taken")
    in_a_process(lambda: read_structure(folder / "taken", given.name), folder / "error", given.name)
    return frozenset()


def in_a_process(read: Callable[[], object], told: Path, what: str, limit_s: float = _LIMIT_S) -> None:
    """Reads as `Quarantine` does: in a process that damage may crash. Raises ModelError.

    Args:
        told: where the process writes its error.
        limit_s: how long it may take.
    """
    before = psutil.Process().memory_info().rss
    pid = os.fork()
    if not pid:
        try:
            read()
            os._exit(0)
        except ModelError as error:
            told.write_bytes(pickle.dumps(error))
            os._exit(1)
        except BaseException as error:
            told.write_text(place_of(error))
            os._exit(2)
    until = time.monotonic() + limit_s
    while not (ended := os.wait4(pid, os.WNOHANG))[0]:
        time.sleep(0.001)
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
    code, used_bytes = os.waitstatus_to_exitcode(ended[1]), ended[2].ru_maxrss * 1024 - before
    if used_bytes > _MOST_BYTES:
        raise AssertionError(f"it took {used_bytes / 2**30:.1f} GB")
    if code == 1:
        raise pickle.loads(told.read_bytes())
    if code == 2:
        raise AssertionError(told.read_text())
    if code < 0:
        raise ModelError(f"{what} is damaged: reading it ends the process ({code}).", "Copy it again.", "model_damaged")


def _read_keras(data: bytes, folder: Path) -> Content:
    return _read_model(".keras", data, folder)


def _read_h5(data: bytes, folder: Path) -> Content:
    return _read_model(".h5", data, folder)


def _read_record(data: bytes, folder: Path) -> Content:
    place = folder / "m" / "1"
    place.mkdir(parents=True)
    (place / "model.keras").write_bytes(b"")
    (place / "model.json").write_bytes(data)
    version = read_version(place)
    if isinstance(version, BrokenVersion):
        raise version.error
    _ = version.accuracy, version.accuracy_interval, version.input_shape, version.fitting("pad"), to_record(version)
    Registry(folder).active()
    return frozenset({digest(data)})


def _read_active(data: bytes, folder: Path) -> Content:
    _read_record(json.dumps(_MODEL_JSON).encode(), folder)
    (folder / "active.json").write_bytes(data)
    Registry(folder).active()
    return frozenset()


def config_values(rng: random.Random, data: bytes) -> bytes:
    """Other values in a JSON; other bytes in anything else."""
    return json_values(rng, data) if data.startswith(b"{") else raw(rng, data)


PARSERS: Sequence[Parser] = (
    Parser("model-json", lambda: [json.dumps(_MODEL_JSON).encode()], _read_record, (json_values, json_values, text)),
    Parser("active-json", lambda: [b'{"model": "m@1"}', b'{"model": "m"}'], _read_active, (json_values, text)),
    Parser("keras", keras_archives, _read_keras, (zip_members((raw, config_values, text)), zip_headers, zip_stream)),
    Parser("h5", h5_files, _read_h5),
)
