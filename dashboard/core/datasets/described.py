"""A dataset whose images and labels are named by a small file: {"images": "photos.zip", "labels": "truth.csv"}.

The file gives such a dataset one path, so that jobs, workers and galleries open it like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dashboard.core.datasets.arrays import read_labels
from dashboard.core.datasets.contract import Dataset
from dashboard.core.datasets.folder_files import check_readable_name
from dashboard.core.datasets.idx import is_idx_name, open_idx
from dashboard.core.datasets.image_files import joint_fingerprint
from dashboard.core.datasets.labelling import Labelling, by_labels_file, in_order
from dashboard.core.datasets.labels_file import LABELS_SUFFIXES, MAX_LABELS_BYTES, file_stem, read_labels_file
from dashboard.core.datasets.npy import open_npy
from dashboard.core.datasets.sample_list import NumberedNames
from dashboard.core.errors import DatasetError
from dashboard.core.files import sha256_of, write_json

SUFFIX = ".dataset.json"
_TABLE_SUFFIXES = LABELS_SUFFIXES | {".txt"}  # Excel's "Unicode Text"; among images, it is likelier to list the classes
_NAME_BYTES = 100  # of each of two names, since a file name has at most 255 bytes


def describe(images: Path, labels: Path, folder: Path) -> Path:
    """Writes the description of a dataset into `folder` and returns its path. Raises DatasetError."""
    if not labels.exists():
        raise DatasetError(f"{labels} does not exist.", "Check the path.", "not_found")
    for path in (images, labels):
        check_readable_name(path)
    record = {"images": str(images.absolute()), "labels": str(labels.absolute())}
    digest = hashlib.sha256(json.dumps(record).encode()).hexdigest()[:16]
    target = folder / digest / f"{_shortened(images.name)} with {_shortened(labels.name)}{SUFFIX}"
    try:
        write_json(target, record)
    except OSError as error:
        raise DatasetError(
            f"{target} cannot be written: {error.strerror}.", "Give this user permission to write there.", "description"
        ) from error
    return target


def _shortened(name: str) -> str:
    return name.encode()[:_NAME_BYTES].decode(errors="ignore")


def described_files(path: Path) -> tuple[Path, Path]:
    """The paths of the images and of the labels in a description. Raises DatasetError."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        images, labels = path.parent / record["images"], path.parent / record["labels"]
        if images.name.endswith(SUFFIX):
            raise ValueError("its images are another description")
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DatasetError(
            f"{path.name} is not a valid description of a dataset.",
            'Write {"images": "photos.zip", "labels": "truth.csv"}.',
            "description",
        ) from error
    return images, labels


class DescribedDataset:
    """See `Dataset`."""

    def __init__(self, path: Path, open_images: Callable[[Path], Dataset]) -> None:
        """Raises DatasetError when the images or the labels cannot be used, or do not belong together.

        Args:
            open_images: opens the dataset at a path without its own labels file.
        """
        self.path = path
        images, self._labels = described_files(path)
        self._images = open_images(images)
        labelling = self._labelling(self._images.samples.names)
        self.samples, self._faults = labelling.samples, labelling.faults
        self.notes = labelling.notes

    def _labelling(self, names: Sequence[str]) -> Labelling:
        labels = self._labels
        if labels.suffix.lower() == ".npy" or is_idx_name(labels.name):
            if not isinstance(names, NumberedNames):
                raise DatasetError(
                    f"{labels.name} has no file names, so it is not known which label belongs to which image.",
                    "Give a CSV, JSON or Parquet file with a file name and a label in each row.", "labels_file",
                )  # fmt: skip
            array = open_idx(labels) if is_idx_name(labels.name) else open_npy(labels)
            return in_order(names, labels.name, read_labels(array, len(names)))
        if labels.suffix.lower() not in _TABLE_SUFFIXES:
            raise DatasetError(
                f"{labels.name} cannot be used as a labels file.",
                "Give a CSV, JSON, Parquet, .npy or idx file.",
                "labels_file",
            )
        try:
            with labels.open("rb") as file:
                data = file.read(MAX_LABELS_BYTES + 1)
        except OSError as error:
            raise DatasetError(
                f"{labels} cannot be opened: {error.strerror}.", "Check the path.", "not_found"
            ) from error
        return by_labels_file(names, read_labels_file(data, labels.name, {file_stem(name) for name in names}))

    @property
    def fingerprint(self) -> str:
        """Hex digest of the images and the labels."""
        return joint_fingerprint(self._images.fingerprint, sha256_of(self._labels))

    def file(self, index: int) -> bytes:
        """See `Dataset`."""
        if index in self._faults:
            raise self._faults[index]
        return self._images.file(index)

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        if index in self._faults:
            raise self._faults[index]
        return self._images.image(index, shrink_to)
