"""Reads a `.keras` or `.h5` file from elsewhere: refuses dangerous content and drops the training state."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
from keras.src.utils.naming import to_snake_case
from packaging.version import Version

from dashboard.core.errors import ModelError
from dashboard.core.parsing import parsing
from dashboard.core.shell import pip_command
from dashboard.worker.adding.keras2.graph import build, mark_old_formulas
from dashboard.worker.adding.keras2.saved_model import fill_from_checkpoint, read_config
from dashboard.worker.adding.keras2.weights import fill_from_archive, fill_from_h5
from dashboard.worker.adding.structure import (
    archive_config,
    check,
    copied_anew,
    damaged_archive,
    damaged_hdf5,
    hdf5_config,
    refuse_links,
    without_training,
    written_by,
)
from dashboard.worker.models.archive import MAX_CONFIG_BYTES
from dashboard.worker.models.loading import load_file


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
        with copied_anew():
            return load_file(without_training(data, what), what)
    except ModelError as error:
        if error.code == "model_unreadable" and Version(version or "0") > Version(keras.__version__):
            raise ModelError(
                f"{what} was written by Keras {version}, and the Keras {keras.__version__} here cannot read it.",
                f"Save it with Keras {keras.__version__} or older, or run `{pip_command(f'install keras=={version}')}`.",
                "model_unreadable",
            ) from error
        raise


def _load_saved_model(folder: Path, what: str) -> keras.Model:
    config = read_config(folder, what)
    check(config, what)
    mark_old_formulas(config, what)
    model, part = build(config, what)
    fill_from_checkpoint(part, folder, what)
    return model


def _load_archive_of_keras_2(data: bytes, version: str, what: str) -> keras.Model:
    with parsing(partial(damaged_archive, what, version)), zipfile.ZipFile(io.BytesIO(data)) as archive:
        config = archive_config(archive, what)
        check(config, what)
        mark_old_formulas(config, what)
        model, part = build(config, what)
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
            refuse_links(weights, what)
            fill_from_archive(part, weights, what)
    return model


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


def _load_hdf5(file: Path, what: str) -> keras.Model:
    with parsing(partial(damaged_hdf5, what)), h5py.File(file) as opened:
        config = hdf5_config(opened, what)
        refuse_links(opened, what)
        check(config, what)
        if not str(opened.attrs.get("keras_version", "2")).startswith("3"):
            mark_old_formulas(config, what)
        model, part = build(config, what)
        fill_from_h5(part, opened.get("model_weights", opened), what)
        return model
