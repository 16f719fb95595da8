"""A labels file that lies elsewhere than the images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dashboard.core.datasets.idx_names import is_idx_name
from dashboard.core.datasets.label_column import NoLabelColumnError, undecided_column
from dashboard.core.datasets.labels_file import (
    LABELS_SUFFIXES,
    MAX_LABELS_BYTES,
    TEXT_SUFFIX,
    read_labels_file,
)
from dashboard.core.datasets.other_names import file_stem, folder_names
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.errors import DatasetError
from dashboard.core.files import check_regular

_SUFFIXES = LABELS_SUFFIXES | {TEXT_SUFFIX, ""}  # "": CSV, as HAM10000_metadata of Harvard Dataverse


def is_elsewhere(labels: str) -> bool:
    """True if `Choices.labels` is the path of a file, and not a table inside the dataset."""
    return Path(labels).is_absolute()


def read_labels_elsewhere(path: Path, names: Sequence[str], column: str = "") -> LabelsTable:
    """Reads the labels file at `path`.

    Args:
        names: the names of the images.
        column: that holds the labels, if the user has chosen it.

    Raises:
        UndecidedError: the user has to choose the column.
        DatasetError: the file cannot be used.
    """
    if path.suffix.lower() == ".npy" or is_idx_name(path.name):
        raise DatasetError(
            f"{path.name} has no file names, so it is not known which label belongs to which image.",
            "Give a CSV, JSON or Parquet file with a file name and a label in each row.", "labels_file",
        )  # fmt: skip
    if path.suffix.lower() not in _SUFFIXES:
        raise DatasetError(
            f"{path.name} cannot be used as a labels file.",
            "Give a CSV, JSON, Parquet, .npy or idx file.",
            "labels_file",
        )
    stems = {file_stem(name) for name in names}
    try:
        return read_labels_file(_read(path), path.name, stems, partial(_read, path), column, folder_names(names))
    except NoLabelColumnError as error:
        raise undecided_column(path.name, error) if error.answers else error from error


def _read(path: Path) -> bytes:
    try:
        check_regular(path)
        with path.open("rb") as file:
            return file.read(MAX_LABELS_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"{path} cannot be opened: {error.strerror}.", "Check the path.", "not_found") from error
