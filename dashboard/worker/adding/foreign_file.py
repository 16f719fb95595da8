"""Reads a `.keras` or `.h5` file from elsewhere: refuses dangerous content and drops the training state."""

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
_PLAIN = "Save it as a functional or Sequential model that uses only Keras' own layers."
_CLASSES = {
    name
    for module in (keras.layers, keras.initializers, keras.regularizers, keras.constraints, keras.dtype_policies)
    for name, thing in vars(module).items()
    if isinstance(thing, type)
} | {"Sequential", "Functional", "Model", "__keras_tensor__"}


def load_foreign(file: Path, what: str) -> keras.Model:
    """The uncompiled model of a `.keras` or `.h5` file; the content decides the format. Raises ModelError."""
    if h5py.is_hdf5(file):
        return _load_hdf5(file, what)
    return load_file(_without_training(file.read_bytes(), what), what)


def _without_training(data: bytes, what: str) -> bytes:
    """The archive without optimizers, losses and metrics, which are not needed and which the allow-list refuses.

    A malformed archive is returned unchanged, so that `load_file` raises the error.
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
        with h5py.File(file, "r+") as opened:  # may be changed: the file is a private copy
            config = _hdf5_config(opened, what)
            _refuse_links(opened, what)
            _refuse_subclassed(config, what)
            _strip_training(config)
            check_config(config, what)
            _refuse_other_classes(config, what)
            _drop_group_counts(config)
            del opened.attrs["model_config"]
            opened.attrs["model_config"] = json.dumps(config).encode()
        named = file.rename(file.with_suffix(".h5"))  # Keras chooses the format by the file name
        return keras.saving.load_model(named, compile=False, safe_mode=True)
    except DashboardError:
        raise
    except OSError as error:
        raise ModelError(
            f"{what} is damaged or cut off: HDF5 cannot read it ({str(error)[:200]}).",
            "Copy the file again.",
            "model_damaged",
        ) from error
    except Exception as error:  # layers can raise any exception
        raise ModelError(
            f"{what} cannot be loaded by Keras {keras.__version__}: {type(error).__name__}: {str(error)[:300]}",
            'Load it with the version of Keras that saved it, then save it as .keras: `model.save("x.keras")`.',
            "model_unreadable",
        ) from error


def _hdf5_config(opened: h5py.File, what: str) -> Any:
    text = opened.attrs.get("model_config")
    if text is None:
        raise ModelError(f"{what} contains weights only and no model.", _HOW_TO_SAVE, "model_weights_only")
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelError(f"{what} was refused: its config is too large.", _HOW_TO_SAVE, "model_refused")
    return json.loads(text)


def _refuse_links(group: h5py.Group, what: str) -> None:
    """Raises ModelError for a link: HDF5 can link to other files on this machine, which would be read as weights."""
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
            f"{what} is a subclassed model (class {name}), so its layers cannot be inspected.",
            _PLAIN, "model_subclassed",
        )  # fmt: skip


def _refuse_other_classes(config: Any, what: str) -> None:
    """Raises ModelError for an unknown class: HDF5 stores only its name, which Keras looks up not only among layers."""
    for node in _nodes(config):
        name = node.get("class_name")
        if name is not None and name not in _CLASSES:
            raise ModelError(
                f"{what} was refused: it uses {name}, which is not an allowed class.", _PLAIN, "model_refused"
            )


def _strip_training(config: Any) -> bool:
    """Removes the compile config of the model and of nested models; True if there was one."""
    trained = [node for node in _nodes(config) if node.get("compile_config") is not None]
    for node in trained:
        del node["compile_config"]
    return bool(trained)


def _drop_group_counts(config: Any) -> None:
    """Removes `groups: 1` from depthwise convolutions: Keras 2 wrote it, and Keras 3 does not accept it."""
    for node in _nodes(config):
        inner = node.get("config")
        if node.get("class_name") == "DepthwiseConv2D" and isinstance(inner, dict) and inner.get("groups") == 1:
            del inner["groups"]
