"""Labelled images as people have them: a ZIP or folder of class folders, the CIFAR-10 archive. Streamed, never unpacked."""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from dashboard.core import cifar10
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.files import sha256_of
from dashboard.core.images import MAX_FILE_BYTES, SUFFIXES, decode_image, encode_png

_LOCAL_HEADER_BYTES = 30  # without the name, which the header repeats
_JUNK_NAMES = {".ds_store", "thumbs.db", "desktop.ini"}
_ONE_FOLDER_A_CLASS = "Give one folder a class: cat/1.png, cat/2.png, dog/1.png ..."


@dataclass(frozen=True)
class Sample:
    """One entry of a dataset."""

    index: int  # position in Dataset.samples, and what Dataset.image takes
    name: str  # path inside the dataset
    label: str | None  # as the dataset spells it; None when it says nothing


class Dataset(Protocol):
    """Images that are read one at a time, so that any number fits."""

    path: Path

    @property
    def samples(self) -> Sequence[Sample]:
        """Every entry, also those that turn out to be no image."""

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with the content."""

    def file(self, index: int) -> bytes:
        """A sample as an image file. Raises ImageError when it cannot be read."""

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """Pixels (H, W, 3) uint8 of a sample. Raises ImageError when it cannot be read."""


@lru_cache(maxsize=4)
def _open_cached(path: Path, modified_ns: int) -> Dataset:
    if path.is_dir():
        return FolderDataset(path)
    if zipfile.is_zipfile(path):
        return ZipDataset(path)
    if path.name.endswith((".tar.gz", ".tgz")):
        return Cifar10Dataset(path)
    if path.suffix.lower() == ".zip":
        raise DatasetError(
            f"{path.name} is not a complete ZIP file: its end is missing or damaged.",
            "Upload or copy it again.", "zip_truncated",
        )  # fmt: skip
    raise DatasetError(f"{path.name} is neither a ZIP file nor a folder.", _ONE_FOLDER_A_CLASS, "unknown_format")


def open_dataset(path: Path) -> Dataset:
    """Opens the dataset at `path`; the kind is told from the content.

    Raises:
        DatasetError: it does not exist, is damaged as a whole, or is of no known kind.
    """
    if readable_name(str(path)) != str(path):
        raise DatasetError(f"The name of {readable_name(str(path))} is no UTF-8.", "Rename it.", "bad_name")
    try:
        modified_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise DatasetError(f"{path} does not exist.", "Check the path.", "not_found") from error
    if path.is_dir():  # a file added to a class folder changes that folder's time only
        modified_ns = hash(tuple(Path(folder).stat().st_mtime_ns for folder, _, _ in os.walk(path)))
    return _open_cached(path.resolve(), modified_ns)


def open_unchanged(path: Path, samples: Sequence[Sample]) -> Dataset:
    """Opens the dataset at `path` in another process than the one that listed the samples.

    Raises:
        DatasetError: as `open_dataset`, and when the samples are not where they were, for then a label would be
            compared with another image.
    """
    dataset = open_dataset(path)
    if any(s.index >= len(dataset.samples) or dataset.samples[s.index] != s for s in samples):
        raise DatasetError(f"{path.name} was changed while it was evaluated.", "Evaluate it again.", "dataset_changed")
    return dataset


class ZipDataset:
    """A ZIP with one folder a class, at any depth. Members are keyed by position: equal names are different images."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise DatasetError(
                f"{path.name} is damaged: {error}.", "Upload or copy it again.", "zip_damaged"
            ) from error
        self._refuse_overlaps()
        self._members = [m for m in self._zip.infolist() if not m.is_dir() and not _is_junk(m.filename)]
        names = [m.filename.replace("\\", "/") for m in self._members]  # some Windows programs write it so
        self.samples = _samples(names, path.name)

    def _refuse_overlaps(self) -> None:
        end = 0
        for member in sorted(self._zip.infolist(), key=lambda m: m.header_offset):
            if member.header_offset < end:
                raise DatasetError(
                    f"{self.path.name} has overlapping members, as archives made to exhaust memory do.",
                    "Make the ZIP again from the images.", "zip_overlap",
                )  # fmt: skip
            end = member.header_offset + _LOCAL_HEADER_BYTES + member.compress_size

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return sha256_of(self.path)

    def file(self, index: int) -> bytes:
        """See `Dataset`."""
        member = self._members[index]
        if member.flag_bits & 0x1:
            raise ImageError("It is encrypted.", "Make the ZIP without a password.", "encrypted")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ImageError("It is a symbolic link.", "Put the image itself into the ZIP.", "symlink")
        _refuse_other_types(member.filename)
        try:
            with self._zip.open(member) as file:
                return file.read(MAX_FILE_BYTES + 1)  # the size in the header may lie
        except (
            zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
        ) as error:  # fmt: skip
            raise ImageError(f"It is damaged inside the ZIP ({error}).", "Make the ZIP again.", "zip_member") from error

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return decode_image(self.file(index), shrink_to).pixels


class FolderDataset:
    """A folder with one folder a class, at any depth; links are not followed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        files = (p for p in sorted(path.rglob("*")) if p.is_file() and not p.is_symlink())
        self._files = [p for p in files if not _is_junk(p.relative_to(path).as_posix())]
        self.samples = _samples([readable_name(p.relative_to(path).as_posix()) for p in self._files], path.name)

    @cached_property
    def fingerprint(self) -> str:
        """Of names, sizes and times: reading every file would take too long."""
        digest = hashlib.sha256()
        for file in self._files:
            info = file.stat()
            digest.update(os.fsencode(file.relative_to(self.path)))
            digest.update(f"\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def file(self, index: int) -> bytes:
        """See `Dataset`."""
        _refuse_other_types(self.samples[index].name)
        try:
            with self._files[index].open("rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise ImageError(f"It cannot be opened ({error.strerror}).", code="unreadable") from error

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return decode_image(self.file(index), shrink_to).pixels


class Cifar10Dataset:
    """The test images of the official CIFAR-10 archive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = cifar10.read(path, "test")
        self.samples = tuple(
            Sample(i, f"{cifar10.CLASS_NAMES[label]}/{name}", cifar10.CLASS_NAMES[label])
            for i, (name, label) in enumerate(zip(self._data.file_names, self._data.labels, strict=True))
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return sha256_of(self.path)

    def file(self, index: int) -> bytes:
        """See `Dataset`; made into a PNG."""
        return encode_png(self.image(index))

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return self._data.images[index]


def readable_name(name: str) -> str:
    """The name as text that can be stored; bytes that are no UTF-8 become replacement characters."""
    return os.fsencode(name).decode("utf-8", "replace")


def _samples(names: Sequence[str], dataset_name: str) -> tuple[Sample, ...]:
    if not any(PurePosixPath(name).suffix.lower() in SUFFIXES for name in names):
        raise DatasetError(f"{dataset_name} holds no images.", _ONE_FOLDER_A_CLASS, "no_images")
    return tuple(Sample(i, name, _class_folder(name)) for i, name in enumerate(names))


def _class_folder(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    return parts[-2] if len(parts) > 1 and parts[-2] not in ("/", "..", ".") else None


def _is_junk(name: str) -> bool:
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name.lower() in _JUNK_NAMES or path.name.startswith("._")


def _refuse_other_types(name: str) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise ImageError(f"A {suffix or 'file without an extension'} is no image that is read here.", code="other_type")
