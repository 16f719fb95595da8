"""True labels for predictions, from a separate file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from dashboard.core.datasets.arrays import read_labels
from dashboard.core.datasets.attributes import Attributes, attributes_of
from dashboard.core.datasets.columns import FILE_COLUMNS, LABEL_COLUMNS, LABEL_KEYS, column_among, columns_among
from dashboard.core.datasets.csv_labels import csv_columns
from dashboard.core.datasets.file_names import is_image_name, normal_name
from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.label_value import as_label
from dashboard.core.datasets.labels_file import (
    LABELS_SUFFIXES,
    MAX_LABELS_BYTES,
    TEXT_SUFFIX,
    cells_of,
    read_labels_file,
)
from dashboard.core.datasets.npy import open_npy, open_npz
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.datasets.table_rows import refused
from dashboard.core.errors import DatasetError, listed, listed_and
from dashboard.core.importing.array_names import names_in
from dashboard.core.importing.common_column import rows_by_common_column
from dashboard.core.importing.predictions_file import Piece, PredictionsFile
from dashboard.core.importing.which_arrays import different_labels
from dashboard.core.parsing import parsing, reason

_NEARLY_ALL = 0.9  # of the values of a column, so that it is the one of the file names


@dataclass(frozen=True)
class GivenLabels:
    """Labels in the order of the predictions, or by file name."""

    name: str  # of the labels file
    labels: Sequence[str | None]
    files: Sequence[str] | None
    notes: tuple[str, ...]
    attributes: Callable[[], Attributes] | None = None  # reads the further columns; None if there are none

    def check_count(self, n_rows: int) -> None:
        """Raises DatasetError unless there is exactly one label per row."""
        if len(self.labels) != n_rows:
            raise DatasetError(
                f"{self.name} has {len(self.labels):,} labels for {n_rows:,} predictions.",
                "Give one label per prediction, in the same order.",
                "label_count",
            )


@dataclass(frozen=True)
class PlacedLabels:
    """Labels, and which of them each prediction has."""

    given: GivenLabels
    rows: np.ndarray  # (N,) int64: for each prediction, the row of its label; -1 if it has none
    notes: tuple[str, ...] = ()

    def labels(self, rows: np.ndarray) -> list[str | None]:
        """The labels in these rows of the labels file."""
        return [None if row < 0 else self.given.labels[row] for row in rows]

    def attributes(self) -> Attributes | None:
        """The further columns of the labels file, one row for each prediction. Raises DatasetError."""
        if self.given.attributes is None:
            return None
        found = self.given.attributes()
        return found.at(self.rows) if found.columns.num_columns else found


def read_given_labels(path: Path, predictions: PredictionsFile) -> GivenLabels:
    """Reads the labels in the file at `path` (.npy, .npz, CSV, JSON, Parquet) for these predictions.

    Raises:
        DatasetError: the file cannot be used, or it is an array with not exactly one label for each prediction.
    """
    suffix, n_rows = path.suffix.lower(), predictions.n_rows
    if path.is_dir():
        raise DatasetError(f"{path} is a folder.", "Name the file of labels in it.", "not_found")
    if not path.is_file():
        raise DatasetError(f"{path} does not exist.", "Check the path.", "not_found")
    notes = (f"Labels are taken from {path.name}.",)
    if suffix == ".npy":
        given = GivenLabels(path.name, read_labels(open_npy(path), n_rows), None, notes)
    elif suffix == ".npz":
        arrays = open_npz(path)
        called = columns_among(list(arrays), (*LABEL_KEYS, *LABEL_COLUMNS)) or (
            list(arrays) if len(arrays) == 1 else []
        )
        keys = different_labels(called, arrays)
        if len(keys) != 1:
            several = f": {listed_and(keys)} differ" if keys else ""
            raise DatasetError(
                f"{path.name} does not say which array holds labels{several}; it has {', '.join(arrays)}.",
                "Save only the true labels, and the names of the files if there are any: "
                "np.savez(file, labels=..., files=...).", "labels_file",
            )  # fmt: skip
        [key] = keys
        count = len(arrays[key])
        named = names_in({name: array for name, array in arrays.items() if name != key}, count, 1)
        read = read_labels(arrays[key], count if named.files else n_rows)
        given = GivenLabels(path.name, read, named.files, notes)
    elif suffix in (*LABELS_SUFFIXES, TEXT_SUFFIX):
        given = _from_table(path, notes, predictions)
    else:
        raise DatasetError(
            f"{path.name} is not a file of labels.", "Give a CSV, JSON, Parquet, .npy or .npz file.", "labels_file"
        )
    return given


def _from_table(path: Path, notes: tuple[str, ...], predictions: PredictionsFile) -> GivenLabels:
    """The labels in a table, with `notes` and those about its rows."""
    with path.open("rb") as file:
        data = file.read(MAX_LABELS_BYTES + 1)
    try:
        table = read_labels_file(data, path.name, (), lambda: data)
        if table.faults:
            uncertain = listed([*dict.fromkeys(table.files[row] for row in sorted(table.faults))])
            notes = (*notes, f"Without exactly one label in {path.name}, so not compared: {uncertain}.")
        return GivenLabels(path.name, table.labels, table.files, (*notes, *table.notes), table.attributes)
    except DatasetError:
        try:
            cells = cells_of(path.name, data)
        except Exception:
            cells = None
        header = [] if cells is None else [str(cell) for cell in cells.iloc[0]]
        column = column_among(header, LABEL_COLUMNS)
        if cells is None or column is None or column_among(header, FILE_COLUMNS):
            raise
        at = header.index(column)
        with parsing(lambda error: refused(path.name, reason(error), "Correct it, or export it again.")):
            labels = [as_label(cell) for cell in cells.iloc[1:][at]]
        key = _column_of_names(cells, at, predictions)
        files = None if key is None else cells.iloc[1:][key].tolist()
        if key is not None:
            called = (
                f"The column {header[key].strip()}" if header[key].strip() else f"Column {key + 1}, without a name,"
            )
            notes = (*notes, f"{called} of {path.name} holds the file names of the predictions, so labels go by it.")
        others = list(csv_columns(cells, {at} if key is None else {at, key}))
        return GivenLabels(
            path.name, labels, files, notes, partial(attributes_of, path.name, others) if others else None
        )


def _column_of_names(cells: pd.DataFrame, label: int, predictions: PredictionsFile) -> int | None:
    """The position of the only column, besides that of the labels, whose values are the names of the predictions."""
    stems = {file_stem(file).casefold() for file in predictions.files()}
    found = []
    for i in range(cells.shape[1] if stems else 0):
        values = cells.iloc[1:][i]
        named = {file_stem(value).casefold() for value in set(values)}
        differ = len(named) >= _NEARLY_ALL * len(values)
        if i != label and differ and len(named & stems) >= _NEARLY_ALL * min(len(named), len(stems)):
            found.append(i)
    return found[0] if len(found) == 1 else None


def place(given: GivenLabels, predictions: PredictionsFile) -> PlacedLabels:
    """Finds the label of each prediction: by the name of its file as in a table beside images, else by its row.

    Unless both sides name files, a column of both tables with a different value in each row tells the rows, if there is one.

    Raises:
        DatasetError: the labels are for none of the files, a file has two of them, their number is not the number of
            rows, or a column of both tables differs (see `rows_by_common_column`).
    """
    number_of: dict[str, int] = {}
    files = (normal_name(file) for file in (predictions.files() if given.files else ()))
    numbers = np.fromiter((number_of.setdefault(file, len(number_of)) for file in files), np.int64)
    if given.files is None or not len(numbers):
        own, beside = given.attributes and predictions.attributes(), given.attributes and given.attributes()
        if own and beside and (common := rows_by_common_column(own, beside)):
            column, names_of_rows, rows = common
            note = f"The column {column} names each row of the predictions and of {given.name}, so labels go by it."
            others = Attributes(beside.columns.drop_columns([column]), beside.notes)
            given = replace(given, files=given.files or names_of_rows, attributes=lambda: others)
            return PlacedLabels(given, rows, (note,))
        given.check_count(predictions.n_rows)
        in_order: tuple[str, ...] = ()
        if given.files:
            in_order = (
                f"The predictions name no files, so the rows of {given.name} belong to them in their order: the first is "
                f"for {given.files[0][:80]}. If their order differs, give the predictions as a table with a column `file`, "
                "or as an .npz with an array `files`.",
            )  # fmt: skip
        elif first := next(predictions.files(), ""):
            in_order = (
                f"{given.name} names no files, so its labels belong to the predictions in their order: the first is for "
                f"{first[:80]}. If their order differs, give the labels as a table with the columns `file` and `label`.",
            )  # fmt: skip
        elif given.attributes:  # a further column may be meant as the names
            in_order = (
                f"Neither the predictions nor {given.name} have a column that is known to hold file names, so labels belong "
                "to predictions in their order. If their order differs, call this column `file` in both tables.",
            )  # fmt: skip
        return PlacedLabels(given, np.arange(predictions.n_rows), in_order)
    names = list(number_of)
    find, places, ambiguous = Finder(names), np.full(len(names), -1), []
    for row, file in enumerate(given.files):
        found = find(file)
        found = found if len(found) else _without_suffix(file, names, find)
        if len(found) > 1:
            ambiguous.append(file)
        elif len(found):
            before, label = int(places[found[0]]), given.labels[row]
            if before < 0 or given.labels[before] is None:
                places[found[0]] = row
            elif label not in (None, given.labels[before]):
                raise DatasetError(
                    f"{file} has two labels: {given.labels[before]}, {label}.", "Keep one row for it.", "labels_file"
                )
    if (places < 0).all() and ambiguous:
        raise DatasetError(
            f"{given.name} names files like {ambiguous[0][:80]!r}, and several predictions are for files called so.",
            "Write whole paths in both.", "labels_file",
        )  # fmt: skip
    if (places < 0).all():
        raise DatasetError(
            f"{given.name} names no file of the predictions. It names files like {given.files[0][:80]!r}, "
            f"the predictions like {names[0][:80]!r}.",
            "Use the same file names in both.", "labels_file",
        )  # fmt: skip
    note = f"Named in {given.name}, but several predictions are for files called so: {listed([*dict.fromkeys(ambiguous)])}."
    return PlacedLabels(given, places[numbers], (note,) if ambiguous else ())


def _without_suffix(file: str, names: Sequence[str], find: Finder) -> np.ndarray:
    """The positions of the names without a suffix that `file` may mean."""
    stem = file.rpartition(".")[0]
    found = find(stem if is_image_name(file) else "")
    return found[np.array([not is_image_name(names[i]) for i in found], bool)]


def with_labels(predictions: PredictionsFile, placed: PlacedLabels | None) -> Iterator[Piece]:
    """The pieces of a file of predictions. Placed labels replace the labels in the file. Raises DatasetError."""
    first = 0
    for piece in predictions.pieces():
        if placed:
            rows = placed.rows[first : first + len(piece.pred_probs)]
            files = piece.files or (placed.given.files and [placed.given.files[row] for row in rows])
            piece = replace(piece, labels=placed.labels(rows), files=files)
        first += len(piece.pred_probs)
        yield piece
