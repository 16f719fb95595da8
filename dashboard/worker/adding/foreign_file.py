"""Reading a `.keras` or `.h5` file from elsewhere: what is dangerous is refused, what training left is dropped."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras

from dashboard.core.errors import DashboardError, ModelError
from dashboard.worker.models.archive import MAX_CONFIG_BYTES, MEMBERS, check_config
from dashboard.worker.models.loading import load_file

_HOW_TO_SAVE = 'Save the whole model with `model.save("x.keras")`, then add that file.'
_PLAIN = "Save it as a functional or Sequential model of Keras' own layers."
_CLASSES = {
    name
    for module in (keras.layers, keras.initializers, keras.regularizers, keras.constraints, keras.dtype_policies)
    for name, thing in vars(module).items()
    if isinstance(thing, type)
} | {"Sequential", "Functional", "Model", "__keras_tensor__"}


def load_foreign(file: Path, what: str) -> keras.Model:
    """The uncompiled model of a `.keras` or `.h5` file; told apart by content. Raises ModelError."""
    if h5py.is_hdf5(file):
        return _load_hdf5(file, what)
    return load_file(_without_training(file.read_bytes(), what), what)


def _without_training(data: bytes, what: str) -> bytes:
    """The archive without optimizers, losses and metrics, which serving does not need and the allow-list refuses.

    An archive that is not as it should be is returned as it is, for `load_file` to say what is wrong with it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if set(archive.namelist()) - MEMBERS or archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                return data
            config = json.loads(archive.read("config.json"))
            _refuse_subclassed(config, what)
            if not _strip_training(config):
                return data
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as stripped:
                stripped.writestr("config.json", json.dumps(config))
                for name in set(archive.namelist()) - {"config.json"}:
                    with archive.open(name) as source, stripped.open(name, "w", force_zip64=True) as copy:
                        while block := source.read(2**20):
                            copy.write(block)
            return buffer.getvalue()
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return data


def _load_hdf5(file: Path, what: str) -> keras.Model:
    try:
        with h5py.File(file, "r+") as opened:  # a private copy
            config = _hdf5_config(opened, what)
            _refuse_links(opened, what)
            _refuse_subclassed(config, what)
            _strip_training(config)
            check_config(config, what)
            _refuse_other_classes(config, what)
            _drop_group_counts(config)
            del opened.attrs["model_config"]
            opened.attrs["model_config"] = json.dumps(config).encode()
        named = file.rename(file.with_suffix(".h5"))  # Keras tells the format from the name
        return keras.saving.load_model(named, compile=False, safe_mode=True)
    except DashboardError:
        raise
    except OSError as error:
        raise ModelError(
            f"{what} is damaged or cut off: HDF5 cannot read it ({str(error)[:200]}).",
            "Copy it again.",
            "model_damaged",
        ) from error
    except Exception as error:  # Keras raises whatever its layers raise
        raise ModelError(
            f"{what} cannot be loaded by Keras {keras.__version__}: {type(error).__name__}: {str(error)[:300]}",
            'Load it with the version of Keras that saved it and save it as .keras: `model.save("x.keras")`.',
            "model_unreadable",
        ) from error


def _hdf5_config(opened: h5py.File, what: str) -> Any:
    text = opened.attrs.get("model_config")
    if text is None:
        raise ModelError(f"{what} holds weights only, no model.", _HOW_TO_SAVE, "model_weights_only")
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelError(f"{what} was refused: its config is too large.", _HOW_TO_SAVE, "model_refused")
    return json.loads(text)


def _refuse_links(group: h5py.Group, what: str) -> None:
    """HDF5 can point into other files of this machine, whose content would then be read as weights."""
    for name in group:
        link = group.get(name, getlink=True)
        item = group[name] if isinstance(link, h5py.HardLink) else None
        if item is None or (isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)):
            raise ModelError(f"{what} was refused: {name} points outside the file.", _HOW_TO_SAVE, "model_refused")
        if isinstance(item, h5py.Group):
            _refuse_links(item, what)


def _nodes(config: Any) -> Iterator[dict[str, Any]]:
    todo = [config]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def _refuse_subclassed(config: Any, what: str) -> None:
    name = config.get("class_name") if isinstance(config, dict) else None
    if name not in ("Sequential", "Functional", "Model"):
        raise ModelError(
            f"{what} is of the class {name}: a subclassed model, whose layers cannot be looked into.",
            _PLAIN, "model_subclassed",
        )  # fmt: skip


def _refuse_other_classes(config: Any, what: str) -> None:
    """In HDF5 a class has a name only, and Keras looks that up among more than its layers."""
    for node in _nodes(config):
        name = node.get("class_name")
        if name is not None and name not in _CLASSES:
            raise ModelError(
                f"{what} was refused: it asks for {name}, which is no part of Keras.", _PLAIN, "model_refused"
            )


def _strip_training(config: Any) -> bool:
    """Removes what `compile` left in the model and in models inside it; True when there was something."""
    trained = [node for node in _nodes(config) if node.get("compile_config") is not None]
    for node in trained:
        del node["compile_config"]
    return bool(trained)


def _drop_group_counts(config: Any) -> None:
    """Keras 2 wrote `groups: 1` into depthwise convolutions, and Keras 3 does not know that argument."""
    for node in _nodes(config):
        inner = node.get("config")
        if node.get("class_name") == "DepthwiseConv2D" and isinstance(inner, dict) and inner.get("groups") == 1:
            del inner["groups"]
