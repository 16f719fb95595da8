"""Datasets of image files in a folder or a ZIP, read one file at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from dashboard.core.datasets.labelling import (
    Labelling,
    by_folder,
    by_labels_file,
    find_labels_file,
    is_image_name,
    no_images,
)
from dashboard.core.datasets.labels_file import MAX_LABELS_BYTES, file_stem, read_labels_file
from dashboard.core.datasets.sample_list import PackedNames, SampleList
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.images.decoding import MAX_FILE_BYTES, SUFFIXES, decode_image

_JUNK_NAMES = {".ds_store", "thumbs.db", "desktop.ini"}


class FileSource(Protocol):
    """Named files. Their positions count from 0."""

    @property
    def names(self) -> Sequence[str]:
        """Paths inside the dataset, separated by `/`."""

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with the content."""

    def read(self, position: int, limit: int) -> bytes:
        """The first `limit` bytes of a file. Raises ImageError."""


class ImageFiles:
    """A dataset of image files, labelled by class folders or by a labels file among them."""

    def __init__(self, path: Path, source: FileSource, use_labels_file: bool = True) -> None:
        """Raises DatasetError when there are no images, or the labels file cannot be used.

        Args:
            use_labels_file: False: ignore a labels file among the images.
        """
        self.path, self._source = path, source
        if not any(map(is_image_name, source.names)):
            raise no_images(path.name)
        self._labels_at: int | None = None
        labelling = self._labelling() if use_labels_file else by_folder(source.names)
        self.samples: SampleList = labelling.samples
        self.notes, self._faults = labelling.notes, labelling.faults

    def _labelling(self) -> Labelling:
        names = self._source.names
        position, must_be = find_labels_file(names, self.path.name)
        if position is None:
            return by_folder(names)
        images = PackedNames(name for i, name in enumerate(names) if i != position)
        try:
            data = self._source.read(position, MAX_LABELS_BYTES + 1)
            stems = {file_stem(name) for name in images if is_image_name(name)}
            labelling = by_labels_file(images, read_labels_file(data, names[position], stems))
        except ImageError as error:
            raise DatasetError(f"{names[position]}: {error.message}", error.fix, error.code) from error
        except DatasetError as error:
            if must_be:
                raise
            folders = by_folder(names)
            return Labelling(folders.samples, notes=(*folders.notes, error.message))
        self._labels_at = position
        return labelling

    @property
    def fingerprint(self) -> str:
        """See `Dataset`."""
        return self._source.fingerprint

    def file(self, index: int) -> bytes:
        """See `Dataset`."""
        if index in self._faults:
            raise self._faults[index]
        refuse_other_types(self.samples.names[index])
        position = index + (self._labels_at is not None and index >= self._labels_at)
        return self._source.read(position, MAX_FILE_BYTES + 1)

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return decode_image(self.file(index), shrink_to).pixels


def refuse_other_types(name: str) -> None:
    """Raises ImageError unless the name has the suffix of an image."""
    if name.endswith("/"):
        raise ImageError(
            "This folder cannot be opened.", "Give the dashboard's user permission to read it.", "unreadable"
        )
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        kind = f"{suffix} files" if suffix else "Files without an extension"
        raise ImageError(f"{kind} are ignored.", code="other_type")


def is_junk(name: str) -> bool:
    """True for files that operating systems leave behind, such as .DS_Store."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].lower() in _JUNK_NAMES or parts[-1].startswith("._")


def joint_fingerprint(*parts: str) -> str:
    """One hex digest made from several."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
