"""Recognises predictions among uploaded files, and what has to be known before they can be imported."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from dashboard.core.datasets.choices import NOTHING_CHOSEN, Choices
from dashboard.core.datasets.columns import PROBS_NAMES, column_among
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.npy import open_npy, open_npz
from dashboard.core.datasets.parquet_file import open_parquet
from dashboard.core.datasets.uploads import keep_part
from dashboard.core.errors import DatasetError, listed
from dashboard.core.importing.classes import two_classes_of
from dashboard.core.importing.opening import OnlyClassesError, open_predictions
from dashboard.core.importing.other_layouts import OtherLayoutError
from dashboard.core.importing.rows import check_probabilities
from dashboard.core.importing.table_file import NoHeaderError, NotUtf8Error
from dashboard.core.importing.tables import TablePredictions
from dashboard.core.importing.true_labels import place, read_given_labels
from dashboard.core.importing.which_arrays import (
    Reading,
    are_probabilities,
    only_zeros_and_ones,
    possible_readings,
    within_bounds,
)
from dashboard.core.labels.class_ids import are_numbers
from dashboard.core.settings import Settings

_SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".parquet", ".json", ".jsonl")
_TABLES = (".csv", ".tsv")
_ONE_HOT = "its numbers are all 0 or 1, as in a table of true labels"
_ONE_COLUMN = "only one of its columns may hold probabilities, as in a table of labels"


@dataclass(frozen=True)
class DroppedPredictions:
    """Uploaded files that hold predictions, or may hold them."""

    predictions: Path
    labels: Path | None  # true labels, in another file
    n_rows: int
    class_names: tuple[str, ...] | None  # in the file of predictions
    n_classes: int  # 1: the probability of one of two classes
    unsure: str = ""  # why the files may be a dataset instead; "" if they certainly hold predictions
    reading: Reading | None = None  # the arrays of an .npz file that the user means
    readings: tuple[Reading, ...] = ()  # if the user has to choose one
    notes: tuple[str, ...] = ()  # what the user has to know about how the file is read
    only_classes: bool = False  # there are no probabilities, only predicted classes

    def as_dataset(self, settings: Settings) -> Path:
        """The path of the same files as a dataset of images. Raises DatasetError."""
        labels = Choices(labels=str(self.labels)) if self.labels else NOTHING_CHOSEN
        return describe(self.predictions, labels, settings.described_dir)

    def read_as(self, reading: Reading) -> DroppedPredictions:
        """The same files, with the arrays that the user means. Raises DatasetError."""
        opened = open_predictions(self.predictions, None, reading)
        return replace(
            self, n_rows=opened.n_rows, class_names=opened.class_names, n_classes=opened.n_classes, reading=reading,
            notes=opened.notes,
        )  # fmt: skip

    @cached_property
    def label_counts(self) -> dict[str, int]:
        """The number of predictions with each true label; {} without labels. Raises DatasetError."""
        opened = open_predictions(self.predictions, self.class_names, self.reading)
        if self.labels:
            placed = place(read_given_labels(self.labels, opened), opened)
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
        count = max(2, self.n_classes)
        possible = {model: tuple(of_model)} if len(of_model) == count else {}
        if self.class_names and len(self.class_names) == count:
            return {"the file": self.class_names, **(possible if are_numbers(self.class_names) else {})}
        if two := two_classes_of(self.label_counts, self.known_class) if self.n_classes == 1 else None:
            return {"the true labels": two, **possible}
        if self.class_names:
            [name] = self.class_names
            return {**possible, "the file": (f"not {name}", name)}
        return {**possible, "numbers from 0": _numbers(count)}

    @property
    def known_class(self) -> str:
        """The class of one probability per row, if the name of its column tells it; else ""."""
        return self.class_names[0] if self.class_names and len(self.class_names) == 1 else ""

    def likely_class(self, names: Sequence[str]) -> int | None:
        """Which of two classes one probability per row is probably of: the second, if the file orders them; None: unknown."""
        return 1 if len(self.class_names or ()) == 2 or tuple(names) == _numbers(2) else None

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
        DatasetError: the files cannot be stored; or they are only tables, but no predictions are recognised in them; or
            they are arrays of predicted classes, or tables of other numbers than probabilities.
    """
    if len(files) > 2 or not all(name.lower().endswith(_SUFFIXES) for name, _ in files):
        return None
    before = set(settings.uploads_dir.glob("*/*"))  # the same file may be a dataset that was uploaded earlier
    paths = [keep_part(file, name, settings) for name, file in files]
    why_not = None
    try:
        found = recognise(paths, class_names)
    except DatasetError as error:
        found, why_not = None, error  # whoever opens it as a dataset says why, too
    only_tables = all(path.suffix.lower() in _TABLES for path in paths)
    refusals = [_refusal(path, class_names) for path in paths] if found is None and only_tables else []
    only_classes = _predicted_classes(paths) if found is None else None
    for path in set(paths) - before:
        if found is None:
            path.unlink()
            with contextlib.suppress(OSError):  # another upload of the same content lies there
                path.parent.rmdir()
    if only_classes:
        raise only_classes
    if why_not and why_not.code == "pred_probs":
        raise why_not
    if found is None and only_tables:
        for refusal in refusals:
            if isinstance(refusal, (NoHeaderError, OtherLayoutError)):
                raise refusal
        not_utf8 = [refusal for refusal in refusals if isinstance(refusal, NotUtf8Error)]
        why_not = why_not or [*not_utf8, *refusals][0]
        called = " and ".join(name for name, _ in files)
        first = f"{why_not.fix} " if isinstance(why_not, NotUtf8Error) else ""
        raise DatasetError(
            f"{called} {'is a table' if len(files) == 1 else 'are tables'} without images, and no predictions are recognised: "
            f"{why_not.message}",
            f"{first}If these are labels, upload them together with their images. Predictions need columns of the true and the "
            "predicted class (`label,prediction`), or one column per class called p_CLASS (p_cat, p_dog ...).",
            "predictions",
        )
    return found


def _predicted_classes(paths: Sequence[Path]) -> OnlyClassesError | None:
    """The error for an array that is called predictions and holds predicted classes; None if there are images, or no such array."""
    try:
        arrays = [array for path in paths if path.suffix.lower() == ".npz" for array in open_npz(path).values()]
        arrays += [open_npy(path) for path in paths if path.suffix.lower() == ".npy"]
        if all(array.header.shape[1:] in ((), (1,)) for array in arrays):
            for path in paths:
                if path.suffix.lower() == ".npz" or (path.suffix.lower() == ".npy" and "pred" in path.stem.casefold()):
                    open_predictions(path, None)
    except OnlyClassesError as error:
        return error
    except DatasetError:  # whoever opens it as a dataset says why
        pass
    return None


def _refusal(path: Path, class_names: Sequence[str]) -> DatasetError:
    """Why no predictions are recognised in a table."""
    try:
        open_predictions(path, class_names)
    except DatasetError as error:
        return error
    return DatasetError(f"it is not certain which columns of {path.name} hold them.")


def recognise(paths: Sequence[Path], class_names: Sequence[str]) -> DroppedPredictions | None:
    """The predictions in one or two files; None if there are none.

    Raises:
        DatasetError: a file is damaged; or it holds other numbers where probabilities are expected (code `pred_probs`).
    """
    certain = [(path, doubt) for path in paths if (doubt := _doubt(path, class_names)) is not None]
    if len(certain) != 1:
        return None
    [(path, unsure)] = certain
    labels = next((other for other in paths if other is not path), None)
    if labels and labels.suffix.lower() == ".npy" and len(open_npy(labels).header.shape) > 2:
        return None  # images with one-hot labels
    readings = possible_readings(open_npz(path)) if path.suffix.lower() == ".npz" else []
    if len(readings) > 1:
        return DroppedPredictions(path, labels, 0, None, 0, unsure, None, tuple(readings))
    opened = open_predictions(path, class_names)
    only_classes = isinstance(opened, TablePredictions) and not opened.has_probabilities
    if labels and isinstance(opened, TablePredictions) and only_classes:
        placed = place(read_given_labels(labels, opened), opened)
        opened.add_classes(placed.labels(placed.rows))
    if not unsure and (first := next(opened.pieces(), None)):
        check_probabilities(first, 0, path.name, opened.place)
    notes = opened.notes
    if isinstance(opened, TablePredictions) and not labels:
        notes += opened.about_labels()
    return DroppedPredictions(
        path, labels, opened.n_rows, opened.class_names, opened.n_classes, unsure, notes=notes,
        only_classes=only_classes,
    )  # fmt: skip


def _doubt(path: Path, class_names: Sequence[str]) -> str | None:
    """ "" if the file holds predictions; why they may be something else; None if it holds none."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        array = open_npy(path)
        if not are_probabilities(array):
            return None
        return _ONE_HOT if only_zeros_and_ones(array) else ""
    if suffix == ".npz":
        arrays = open_npz(path)
        readings = possible_readings(arrays)
        if not readings or not all(are_probabilities(arrays[each.probs]) for each in readings):
            return None
        pictures = [name for name, array in arrays.items() if len(array.header.shape) > 2]
        vectors = [each.probs for each in readings if len(arrays[each.probs].header.shape) == 1]
        if vectors and not column_among(vectors, PROBS_NAMES):
            return f"{listed(vectors)} may hold any numbers between 0 and 1"
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
    if isinstance(opened, TablePredictions) and not opened.has_probabilities:
        return ""
    if path.suffix.lower() == ".parquet":
        schema = open_parquet(path).schema_arrow
        pictures = [f.name for f in schema if pa.types.is_binary(f.type) or pa.types.is_struct(f.type)]
        return f"it also holds {', '.join(pictures)}, which may be images" if pictures else ""
    first = next(opened.pieces(), None)
    probs = np.empty((0, 2)) if first is None else first.pred_probs
    if opened.n_classes == 1:
        known = probs[~np.isnan(probs)]
        return _ONE_COLUMN if within_bounds(known) and not np.isin(known, (0, 1)).all() else None
    return _ONE_HOT if np.isin(probs, (0, 1)).all() else ""
