"""What a `.keras` or `.h5` file says about its model, read without building any of it. Needs neither Keras nor TensorFlow."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
from packaging.version import Version

from dashboard.core.errors import ModelError
from dashboard.core.models.model_files import HOW_TO_JOIN
from dashboard.core.parsing import parsing, reason
from dashboard.worker.models.archive import (
    MAX_CONFIG_BYTES,
    MEMBERS,
    check_archive,
    check_members,
    check_sizes,
    members_of,
    nodes_of,
)

HOW_TO_SAVE = 'Save the whole model with `model.save("x.keras")`, then add that file.'
_PLAIN = "Save it as a functional or Sequential model that uses only Keras' own layers."
_AGAIN = "Copy or download the file again."


def damaged_hdf5(what: str, error: Exception) -> ModelError:
    """The error for an HDF5 file that the library cannot read."""
    return ModelError(f"{what} is damaged or cut off: HDF5 cannot read it ({reason(error)}).", _AGAIN, "model_damaged")


def read_structure(file: Path, what: str) -> None:
    """Reads everything in a file but the numbers of its weights. Damage can make the HDF5 library go round for ever.

    Raises:
        ModelError: the file is damaged or refused, or it holds no Keras model.
    """
    if h5py.is_hdf5(file):
        with parsing(partial(damaged_hdf5, what)), h5py.File(file) as opened:
            check(hdf5_config(opened, what), what)
            refuse_links(opened, what)
        return
    data = file.read_bytes()
    if written_by(data).startswith("2."):
        with parsing(partial(damaged_archive, what, written_by(data))), zipfile.ZipFile(io.BytesIO(data)) as archive:
            check(archive_config(archive, what), what)
            refuse_links_in_archive(archive, what)
        return
    data = without_training(data, what)
    with copied_anew():
        check_archive(data, what)
    with parsing(partial(damaged_archive, what, "3")), zipfile.ZipFile(io.BytesIO(data)) as archive:
        refuse_links_in_archive(archive, what)


@contextlib.contextmanager
def copied_anew() -> Iterator[None]:
    """Within the block, the way out of a damaged file is another copy of it."""
    try:
        yield
    except ModelError as error:
        if error.code == "model_damaged":
            raise ModelError(error.message, _AGAIN, "model_damaged") from error
        raise


def damaged_archive(what: str, version: str, error: Exception) -> ModelError:
    """The error for a `.keras` file, written by this version of Keras, that cannot be read."""
    return ModelError(
        f"{what}, written by Keras {version}, is damaged or cut off: {reason(error)}.", _AGAIN, "model_damaged"
    )


def archive_config(archive: zipfile.ZipFile, what: str) -> Any:
    """The config in a `.keras` file with the right members. Raises ModelError, or what `parsing` turns into one."""
    check_members(archive, what)
    return json.loads(archive.read("config.json"))


def refuse_links_in_archive(archive: zipfile.ZipFile, what: str) -> None:
    """See `refuse_links`."""
    with archive.open("model.weights.h5") as member, h5py.File(member) as weights:
        refuse_links(weights, what)


def written_by(data: bytes) -> str:
    """The version of Keras in the metadata of a `.keras` file; "" if it is not there."""
    with contextlib.suppress(Exception), zipfile.ZipFile(io.BytesIO(data)) as archive:
        if archive.getinfo("metadata.json").file_size <= MAX_CONFIG_BYTES:
            return str(Version(json.loads(archive.read("metadata.json"))["keras_version"]))
    return ""  # reading the rest raises the error


def check(config: Any, what: str) -> None:
    """Removes what only training needs. Raises ModelError unless the layers can be inspected and have bearable sizes."""
    _refuse_subclassed(config, what)
    _strip_training(config)
    check_sizes(config, what)


def without_training(data: bytes, what: str) -> bytes:
    """The archive without optimizers, losses and metrics, which are not needed and which the allow-list refuses.

    Also without what macOS leaves behind.

    A malformed archive is returned unchanged, so that `check_archive` raises the error.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = members_of(archive)
            if names - MEMBERS or archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                return data
            config = json.loads(archive.read("config.json"))
            _refuse_subclassed(config, what)
            if not _strip_training(config) and len(names) == len(archive.namelist()):
                return data
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as stripped:
                stripped.writestr("config.json", json.dumps(config))
                for name in names - {"config.json"}:
                    with archive.open(name) as source, stripped.open(name, "w", force_zip64=True) as copy:
                        while block := source.read(2**20):
                            copy.write(block)
            return buffer.getvalue()
    except ModelError:
        raise
    except Exception:
        return data


def hdf5_config(opened: h5py.File, what: str) -> Any:
    """The config of the model in an `.h5` file. Raises ModelError, or what `parsing` turns into one."""
    text = opened.attrs.get("model_config")
    if text is None:
        raise ModelError(f"{what} contains weights only and no model.", HOW_TO_JOIN, "model_weights_only")
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelError(f"{what} was refused: its config is too large.", HOW_TO_SAVE, "model_refused")
    return json.loads(text)


def refuse_links(group: h5py.Group, what: str) -> None:
    """Raises ModelError for a link: HDF5 can link to other files on this machine, which would be read as weights."""
    for attribute in group.attrs:
        group.attrs.get(attribute)
    for name in group:
        link = group.get(name, getlink=True)
        item = group[name] if isinstance(link, h5py.HardLink) else None
        if item is None or (isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)):
            raise ModelError(f"{what} was refused: {name} points outside the file.", HOW_TO_SAVE, "model_refused")
        if isinstance(item, h5py.Group):
            refuse_links(item, what)


def _refuse_subclassed(config: Any, what: str) -> None:
    name = config.get("class_name") if isinstance(config, dict) else None
    if name not in ("Sequential", "Functional", "Model"):
        raise ModelError(
            f"{what} is a subclassed model (class {str(name)[:80]}), so its layers cannot be inspected.",
            _PLAIN, "model_subclassed",
        )  # fmt: skip


def _strip_training(config: Any) -> bool:
    """Removes the compile config of the model and of nested models; True if there was one."""
    trained = [node for node in nodes_of(config) if node.get("compile_config") is not None]
    for node in trained:
        del node["compile_config"]
    return bool(trained)
