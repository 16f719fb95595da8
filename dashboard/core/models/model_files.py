"""What an operator gives as a model: a file, a folder, or a ZIP of either. Takes a private copy of the model in it."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from dashboard.core.datasets.image_files import is_junk
from dashboard.core.datasets.zip_files import why_closed
from dashboard.core.errors import ModelError
from dashboard.core.files import sha256_of
from dashboard.core.labels.class_names import class_names_in
from dashboard.core.parsing import parsing, reason

MAX_FILE_BYTES = 4 * 2**30
_BLOCK_BYTES = 2**20
_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
_MODEL_SUFFIXES = (".keras", ".h5", ".hdf5")
_ARCHIVE = {"config.json", "model.weights.h5"}  # the members of a .keras file
_LABELS = ("labels.txt", "class_names.txt", "classes.txt", "class_indices.json")
_HOW_TO_SAVE = 'Save the whole Keras model as one file, `model.save("x.keras")`, then add that file.'
HOW_TO_JOIN = (
    "Build the model by its code, or from its model.json with `keras.models.model_from_json`, and load its weights into it "
    '(`model.load_weights`). Save it with `model.save("x.keras")`, then add that file.'
)
_ELSEWHERE = (
    "Add the Keras model that it was made from. Or evaluate it where it runs and add its predictions: "
    "python -m dashboard import PREDICTIONS."
)
_OTHER_KINDS = {
    ".tflite": "a TensorFlow Lite model",
    ".onnx": "an ONNX model",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".ckpt": "a checkpoint of weights",
    ".safetensors": "a file of weights",
    ".pkl": "a pickle",
    ".joblib": "a pickle",
    ".pb": "a TensorFlow graph without its folder",
}


@dataclass(frozen=True)
class TakenModel:
    """The private copy of a model, and what was found beside it."""

    sha256: str  # of the model's files
    n_bytes: int
    class_names: tuple[str, ...] | None  # from a labels file beside the model
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Folder:
    """A folder or ZIP: the names of its files, and how to open one."""

    names: Sequence[str]
    open: Callable[[str], IO[bytes]]

    def below(self, folder: str) -> _Folder:
        prefix = f"{folder}/" if folder not in ("", ".") else ""
        names = [name.removeprefix(prefix) for name in self.names if name.startswith(prefix)]
        return _Folder(names, lambda name: self.open(prefix + name))


def take_model(given: Path, target: Path, read_names: bool = True) -> TakenModel:
    """Copies the model in `given` to `target`, which becomes a file, or a folder for a SavedModel.

    Thanks to the copy, the checked file is also the loaded file.

    Args:
        read_names: False: the class names are known, so a labels file beside the model is not read.

    Raises:
        ModelError: there is no model, or more than one, or it has a format that is not read.
        OSError: the copy cannot be written.
    """
    if given.is_dir():
        names = sorted(path.relative_to(given).as_posix() for path in given.rglob("*") if path.is_file())
        return _take_from(_Folder(names, lambda name: (given / name).open("rb")), given.name, target, read_names)
    first = _first_bytes(given)
    if first.startswith(_HDF5):
        return _take_file(given, target, read_names)
    if first.startswith(_ZIP):
        with _opened_zip(given) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            if "config.json" in names:
                for name in names:
                    _refuse_closed(archive, name, given.name)
                return _take_file(given, target, read_names)
            if any(PurePosixPath(name).name == "data.pkl" for name in names):
                raise _other_kind(given.name, "a PyTorch model")

            def opened(name: str) -> IO[bytes]:
                _refuse_closed(archive, name, given.name)
                return archive.open(name)

            return _take_from(_Folder(names, opened), given.name, target, read_names)
    if not first:
        raise ModelError(f"{given.name} is empty.", _HOW_TO_SAVE, "model_damaged")
    if first[4:8] == b"TFL3":
        raise _other_kind(given.name, "a TensorFlow Lite model")
    if kind := _OTHER_KINDS.get(given.suffix.lower()):
        raise _other_kind(given.name, kind)
    if given.suffix.lower() == ".json":
        raise ModelError(f"{given.name} describes a model, but holds no weights.", HOW_TO_JOIN, "model_format")
    if first == b"version ":
        raise ModelError(
            f"{given.name} is only a pointer of Git LFS to the file.", "Fetch the file: `git lfs pull`.", "model_format"
        )
    if first.lower().startswith((b"<!doctyp", b"<html")):
        raise ModelError(
            f"{given.name} is a web page, perhaps in place of a failed download.",
            "Download the model again.",
            "model_format",
        )
    raise ModelError(f"{given.name} is neither a .keras nor an .h5 file.", _HOW_TO_SAVE, "model_format")


def _take_from(folder: _Folder, what: str, target: Path, read_names: bool) -> TakenModel:
    """Takes the only model in a folder or ZIP, at any depth."""
    kept = [name for name in folder.names if not is_junk(name)]
    models = [name for name in kept if name.lower().endswith(_MODEL_SUFFIXES) and not name.endswith("model.weights.h5")]
    saved = [str(PurePosixPath(name).parent) for name in kept if PurePosixPath(name).name == "saved_model.pb"]
    ends = [str(PurePosixPath(name).parent) for name in kept if PurePosixPath(name).name == "model.weights.h5"]
    unpacked = [folder for folder in ends if str(PurePosixPath(folder, "config.json")) in kept]
    found = [*models, *saved, *unpacked]
    if len(found) > 1:
        raise ModelError(
            f"{what} holds several models: {', '.join(sorted(found)[:6])}.",
            "Unpack it if it is a ZIP, move the others elsewhere, and add the one that is left.",
            "model_format",
        )
    if not found:
        weights = any(name.endswith((".index", ".ckpt", ".weights.h5")) for name in kept)
        browser = any(PurePosixPath(name).name == "model.json" for name in kept) and not weights
        kind = "a TensorFlow.js model" if browser else "weights only" if weights else "no model"
        raise ModelError(
            f"{what} holds {kind}; what is needed is a Keras model with its weights.",
            HOW_TO_JOIN if weights else _HOW_TO_SAVE, "model_format",
        )  # fmt: skip
    here = folder.below(str(PurePosixPath(found[0]).parent) if models else found[0])
    names, notes = _labels_beside(here) if read_names else (None, ())
    if models:
        with here.open(PurePosixPath(models[0]).name) as source:
            sha256, n_bytes = _copy(source, target, what)
        return TakenModel(sha256, n_bytes, names, (f"The model is {models[0]} in {what}.", *notes))
    done = 0
    if unpacked:
        with zipfile.ZipFile(target, "w") as archive:
            for name in (*sorted(_ARCHIVE), "metadata.json"):
                if name in here.names:
                    with here.open(name) as source, archive.open(name, "w", force_zip64=True) as copy:
                        done += _pour(source, copy, what, done)[1]
        return TakenModel(
            sha256_of(target), target.stat().st_size, names, (f"{what} holds a .keras file that was unpacked.", *notes)
        )
    digest = hashlib.sha256()
    wanted = [name for name in here.names if name in ("saved_model.pb", "keras_metadata.pb") or _is_variable(name)]
    for name in sorted(wanted):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with here.open(name) as source:
            sha256, n_bytes = _copy(source, target / name, what, done)
        digest.update(f"{name} {sha256}\n".encode())
        done += n_bytes
    return TakenModel(digest.hexdigest(), done, names, (f"{what} is a SavedModel; its Keras layers are used.", *notes))


def _is_variable(name: str) -> bool:
    return name.startswith("variables/variables.") and name.count("/") == 1


def _labels_beside(folder: _Folder) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The class names in the labels file of the folder, and a note. Raises ModelError if several say different names."""
    found = {}
    for name in _LABELS:
        if name in folder.names:
            with folder.open(name) as file:
                found[name] = class_names_in(file.read(2**20), name)
    if len(set(found.values())) > 1:
        raise ModelError(
            f"Beside the model are several files with class names, and they differ: {', '.join(found)}.",
            "Say which one is right: --class-names FILE, or --class-names a,b,c.", "class_names",
        )  # fmt: skip
    for name, names in found.items():
        shown = f"{', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"
        return names, (f"The class names are from {name} beside the model: {shown}.",)
    return None, ()


def _take_file(given: Path, target: Path, read_names: bool) -> TakenModel:
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    if read_names:
        here = given.parent
        with contextlib.suppress(OSError):  # a folder that may not be listed
            files = [path.name for path in here.iterdir() if path.name in _LABELS and path.is_file()]
            names, notes = _labels_beside(_Folder(files, lambda name: (here / name).open("rb")))
    with given.open("rb") as source:
        return TakenModel(*_copy(source, target, given.name), names, notes)


def _copy(source: IO[bytes], target: Path, what: str, before: int = 0) -> tuple[str, int]:
    """Copies a file. Returns its SHA-256 and size."""
    with target.open("wb") as copy:
        return _pour(source, copy, what, before)


def _pour(source: IO[bytes], copy: IO[bytes], what: str, before: int) -> tuple[str, int]:
    """Copies from one open file to another: the size in the header of a ZIP may be wrong."""
    digest, done = hashlib.sha256(), 0
    while block := source.read(_BLOCK_BYTES):
        done += len(block)
        if before + done > MAX_FILE_BYTES:
            raise ModelError(
                f"{what} is larger than {MAX_FILE_BYTES // 2**30} GB.",
                "Save the model without its optimizer.",
                "too_large",
            )
        digest.update(block)
        copy.write(block)
    return digest.hexdigest(), done


def _first_bytes(given: Path) -> bytes:
    try:
        with given.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise ModelError(
            f"{given} cannot be read: {error.strerror or error}.", "Check the path.", "model_missing"
        ) from error


@contextmanager
def _opened_zip(given: Path) -> Iterator[zipfile.ZipFile]:
    with (
        parsing(
            lambda error: ModelError(
                f"{given.name} is damaged or cut off: {reason(error)}.", "Copy or download it again.", "model_damaged"
            )
        ),
        zipfile.ZipFile(given) as archive,
    ):
        yield archive


def _refuse_closed(archive: zipfile.ZipFile, name: str, what: str) -> None:
    """Raises ModelError if a member is encrypted or compressed in an unsupported way."""
    if fault := why_closed(archive.getinfo(name), what, what):
        raise ModelError(fault.message, fault.fix, fault.code)


def _other_kind(name: str, kind: str) -> ModelError:
    return ModelError(f"{name} is {kind}; only Keras models are read.", _ELSEWHERE, "model_format")
