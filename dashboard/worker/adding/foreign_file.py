"""Reads a `.keras` or `.h5` file from elsewhere: refuses dangerous content and drops the training state."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
from keras.src.utils.naming import to_snake_case
from packaging.version import Version

from dashboard.core.errors import DashboardError, ModelError
from dashboard.worker.adding.keras2.graph import build, mark_old_formulas
from dashboard.worker.adding.keras2.saved_model import fill_from_checkpoint, read_config
from dashboard.worker.adding.keras2.weights import fill_from_archive, fill_from_h5
from dashboard.worker.models.archive import DAMAGED, MAX_CONFIG_BYTES, MEMBERS, check_members, check_sizes, nodes_of
from dashboard.worker.models.loading import load_file

_HOW_TO_SAVE = 'Save the whole model with `model.save("x.keras")`, then add that file.'
_PLAIN = "Save it as a functional or Sequential model that uses only Keras' own layers."


def load_foreign(file: Path, what: str) -> keras.Model:
    """The uncompiled model of a `.keras` or `.h5` file or a SavedModel folder; the content decides the format.

    Files of Keras 2 are built anew for Keras 3.

    Raises:
        ModelError: the file is damaged or refused, or it holds no Keras model that can be read here.
    """
    if file.is_dir():
        return _load_saved_model(file, what)
    if h5py.is_hdf5(file):
        return _load_hdf5(file, what)
    data = file.read_bytes()
    if (version := written_by(data)).startswith("2."):
        return _load_archive_of_keras_2(data, version, what)
    try:
        return load_file(_without_training(data, what), what)
    except ModelError as error:
        if error.code == "model_unreadable" and Version(version or "0") > Version(keras.__version__):
            raise ModelError(
                f"{what} was written by Keras {version}, and the Keras {keras.__version__} here cannot read it.",
                f"Save it with Keras {keras.__version__} or older, or run `pip install keras=={version}` here.",
                "model_unreadable",
            ) from error
        if error.code == "model_damaged":
            raise ModelError(error.message, "Copy or download the file again.", "model_damaged") from error
        raise


def _load_saved_model(folder: Path, what: str) -> keras.Model:
    config = read_config(folder, what)
    _check(config, what)
    mark_old_formulas(config, what)
    model, part = build(config, what)
    fill_from_checkpoint(part, folder, what)
    return model


def _load_archive_of_keras_2(data: bytes, version: str, what: str) -> keras.Model:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_members(archive, what)
            config = json.loads(archive.read("config.json"))
            _check(config, what)
            mark_old_formulas(config, what)
            model, part = build(config, what)
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
                _refuse_links(weights, what)
                fill_from_archive(part, weights, what)
    except (*DAMAGED, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{what}, written by Keras {version}, is damaged or cut off: {str(error)[:200]}.", "Copy the file again.",
            "model_damaged",
        ) from error  # fmt: skip
    return model


def written_by(data: bytes) -> str:
    """The version of Keras in the metadata of a `.keras` file; "" if it is not there."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo("metadata.json").file_size <= MAX_CONFIG_BYTES:
                return str(Version(json.loads(archive.read("metadata.json"))["keras_version"]))
    except (*DAMAGED, KeyError, ValueError, TypeError, RuntimeError):
        pass  # `load_file` raises the error
    return ""


def trained_with(file: Path) -> str:
    """The name of the loss in the file, in snake case; "" if it is not known."""
    config: Any = None
    with contextlib.suppress(Exception):  # a damaged file is reported when it is loaded
        if file.is_file() and h5py.is_hdf5(file):
            with h5py.File(file) as opened:
                config = json.loads(opened.attrs.get("training_config", "null"))
        elif file.is_file():
            with zipfile.ZipFile(file) as archive:
                if archive.getinfo("config.json").file_size <= MAX_CONFIG_BYTES:
                    config = json.loads(archive.read("config.json")).get("compile_config")
    loss = config.get("loss") if isinstance(config, dict) else None
    if isinstance(loss, dict):
        loss = loss["config"] if isinstance(loss.get("config"), str) else loss.get("class_name")
    return to_snake_case(loss) if isinstance(loss, str) else ""


def _check(config: Any, what: str) -> None:
    """Raises ModelError unless the config is of a model whose layers can be inspected, and of a bearable size."""
    _refuse_subclassed(config, what)
    _strip_training(config)
    check_sizes(config, what)


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
    except (*DAMAGED, KeyError, ValueError, RuntimeError, NotImplementedError):
        return data


def _load_hdf5(file: Path, what: str) -> keras.Model:
    try:
        with h5py.File(file) as opened:
            config = _hdf5_config(opened, what)
            _refuse_links(opened, what)
            _check(config, what)
            if not str(opened.attrs.get("keras_version", "2")).startswith("3"):
                mark_old_formulas(config, what)
            model, part = build(config, what)
            fill_from_h5(part, opened.get("model_weights", opened), what)
            return model
    except DashboardError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelError(
            f"{what} is damaged or cut off: HDF5 cannot read it ({str(error)[:200]}).",
            "Copy the file again.",
            "model_damaged",
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


def _refuse_subclassed(config: Any, what: str) -> None:
    name = config.get("class_name") if isinstance(config, dict) else None
    if name not in ("Sequential", "Functional", "Model"):
        raise ModelError(
            f"{what} is a subclassed model (class {name}), so its layers cannot be inspected.",
            _PLAIN, "model_subclassed",
        )  # fmt: skip


def _strip_training(config: Any) -> bool:
    """Removes the compile config of the model and of nested models; True if there was one."""
    trained = [node for node in nodes_of(config) if node.get("compile_config") is not None]
    for node in trained:
        del node["compile_config"]
    return bool(trained)
