"""Recognises predictions among uploaded files, and what has to be known before they can be imported."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from dashboard.core.datasets.choices import NOTHING_CHOSEN, Choices
from dashboard.core.datasets.columns import PROBS_NAMES, column_among
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.npy import StoredArray, open_npy, open_npz
from dashboard.core.datasets.parquet_file import open_parquet
from dashboard.core.datasets.uploads import keep_part
from dashboard.core.errors import DatasetError
from dashboard.core.importing.opening import open_predictions
from dashboard.core.importing.rows import SUM_TOLERANCE
from dashboard.core.importing.true_labels import place, read_given_labels
from dashboard.core.settings import Settings

_SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".parquet", ".json", ".jsonl")
_TABLES = (".csv", ".tsv")
_ONE_HOT = "its numbers are all 0 or 1, as in a table of true labels"
_ONE_COLUMN = "only one of its columns may hold probabilities, as in a table of labels"
_ROWS_LOOKED_AT = 4096


@dataclass(frozen=True)
class DroppedPredictions:
    """Uploaded files that hold predictions, or may hold them."""

    predictions: Path
    labels: Path | None  # true labels, in another file
    n_rows: int
    class_names: tuple[str, ...] | None  # in the file of predictions
    n_classes: int  # 1: the probability of one of two classes
    unsure: str = ""  # why the files may be a dataset instead; "" if they certainly hold predictions

    def as_dataset(self, settings: Settings) -> Path:
        """The path of the same files as a dataset of images. Raises DatasetError."""
        labels = Choices(labels=str(self.labels)) if self.labels else NOTHING_CHOSEN
        return describe(self.predictions, labels, settings.described_dir)

    @cached_property
    def label_counts(self) -> dict[str, int]:
        """The number of predictions with each true label; {} without labels. Raises DatasetError."""
        opened = open_predictions(self.predictions, self.class_names)
        if self.labels:
            placed = place(read_given_labels(self.labels, self.n_rows), opened)
            labels: Iterable[str | None] = placed.labels(placed.rows)
        else:
            labels = opened.labels()
        return dict(Counter(label for label in labels if label is not None))

    def possible_names(self, model: str, of_model: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Where the names of the classes may come from, the likeliest first -> the names.

        Args:
            model: the model in use, NAME@VERSION.
            of_model: its class names.
        """
        if self.class_names and self.n_classes > 1:
            return {"the file": self.class_names}
        count = max(2, self.n_classes)
        possible = {model: tuple(of_model)} if len(of_model) == count else {}
        if self.class_names:
            [name] = self.class_names
            return {**possible, "the file": (f"not {name}", name)}
        return {**possible, "numbers from 0": _numbers(count)}

    def numbers_classes(self, names: Sequence[str]) -> bool:
        """Whether these names only number the classes, since neither the file nor the user names them."""
        return not self.class_names and self.n_classes > 1 and tuple(names) == _numbers(self.n_classes)


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def keep_predictions(
    files: Sequence[tuple[str, IO[bytes]]], class_names: Sequence[str], settings: Settings
) -> DroppedPredictions | None:
    """Stores uploaded files if they are predictions, alone or with one file of true labels; else returns None.

    Args:
        files: the names and contents of the files.
        class_names: of the model in use, which a table of predictions may use as its columns.

    Raises:
        DatasetError: the files cannot be stored.
    """
    if len(files) > 2 or not all(name.lower().endswith(_SUFFIXES) for name, _ in files):
        return None
    before = set(settings.uploads_dir.glob("*/*"))  # the same file may be a dataset that was uploaded earlier
    paths = [keep_part(file, name, settings) for name, file in files]
    try:
        found = recognise(paths, class_names)
    except DatasetError:
        found = None  # it is damaged, or no such file: whoever opens it as a dataset will say why
    for path in set(paths) - before:
        if found is None:
            path.unlink()
            with contextlib.suppress(OSError):  # another upload of the same content lies there
                path.parent.rmdir()
    return found


def recognise(paths: Sequence[Path], class_names: Sequence[str]) -> DroppedPredictions | None:
    """The predictions in one or two files; None if there are none. Raises DatasetError for a damaged file."""
    certain = [(path, doubt) for path in paths if (doubt := _doubt(path, class_names)) is not None]
    if len(certain) != 1:
        return None
    [(path, unsure)] = certain
    labels = next((other for other in paths if other is not path), None)
    if labels and labels.suffix.lower() == ".npy" and len(open_npy(labels).header.shape) > 2:
        return None  # images with one-hot labels
    opened = open_predictions(path, class_names)
    return DroppedPredictions(path, labels, opened.n_rows, opened.class_names, opened.n_classes, unsure)


def _doubt(path: Path, class_names: Sequence[str]) -> str | None:
    """ "" if the file holds predictions; why they may be something else; None if it holds none."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        array = open_npy(path)
        if not _are_probabilities(array):
            return None
        return _ONE_HOT if np.isin(array.rows(0, _ROWS_LOOKED_AT), (0, 1)).all() else ""
    if suffix == ".npz":
        arrays = open_npz(path)
        probs = column_among(list(arrays), PROBS_NAMES)
        if probs is None or not _are_probabilities(arrays[probs]):
            return None
        pictures = [name for name, array in arrays.items() if len(array.header.shape) > 2]
        return f"it also holds {', '.join(pictures)}, which may be images" if pictures else ""
    if suffix in (*_TABLES, ".parquet"):
        return _doubt_of_table(path, class_names)
    return None


def _doubt_of_table(path: Path, class_names: Sequence[str]) -> str | None:
    try:
        opened = open_predictions(path, class_names)
    except DatasetError:
        return None
    if not opened.n_classes:
        return None
    if path.suffix.lower() == ".parquet":
        schema = open_parquet(path).schema_arrow
        pictures = [f.name for f in schema if pa.types.is_binary(f.type) or pa.types.is_struct(f.type)]
        return f"it also holds {', '.join(pictures)}, which may be images" if pictures else ""
    first = next(opened.pieces(), None)
    probs = np.empty((0, 2)) if first is None else first.pred_probs
    if opened.n_classes == 1:
        known = probs[~np.isnan(probs)]
        return _ONE_COLUMN if _within_bounds(known) and not np.isin(known, (0, 1)).all() else None
    return _ONE_HOT if np.isin(probs, (0, 1)).all() else ""


def _are_probabilities(array: StoredArray) -> bool:
    """True for an array (N, K) whose rows sum to 1, or (N,) or (N, 1) of numbers between 0 and 1, as far as looked at."""
    shape = array.header.shape
    if not 1 <= len(shape) <= 2 or not shape[0] or array.header.dtype.kind not in "fiu":
        return False
    try:
        rows = array.rows(0, _ROWS_LOOKED_AT).astype(np.float64)
    except OSError as error:
        raise DatasetError(f"{array.name} cannot be read: {error}.", "Copy the file again.", "array_damaged") from error
    if shape[1:] in ((), (1,)):
        return _within_bounds(rows) and not np.isin(rows, (0, 1)).all()  # else they are labels
    return _within_bounds(rows) and bool((np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def _within_bounds(probs: np.ndarray) -> bool:
    return bool(((probs >= -SUM_TOLERANCE) & (probs <= 1 + SUM_TOLERANCE)).all())
