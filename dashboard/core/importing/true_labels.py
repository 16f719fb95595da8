"""True labels for predictions, from a separate file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dashboard.core.datasets.arrays import read_labels
from dashboard.core.datasets.columns import LABEL_COLUMNS, LABEL_KEYS, column_among
from dashboard.core.datasets.file_names import normal_name
from dashboard.core.datasets.label_value import as_label
from dashboard.core.datasets.labels_file import LABELS_SUFFIXES, MAX_LABELS_BYTES, read_csv, read_labels_file
from dashboard.core.datasets.npy import open_npy, open_npz
from dashboard.core.errors import DatasetError, listed
from dashboard.core.importing.predictions_file import Piece, PredictionsFile


@dataclass(frozen=True)
class GivenLabels:
    """Labels in the order of the predictions, or by file name."""

    name: str  # of the labels file
    labels: Sequence[str | None]
    files: Sequence[str] | None
    notes: tuple[str, ...]

    @cached_property
    def by_file(self) -> dict[str, str | None]:
        """The label of each file, by `normal_name` of the file. Raises DatasetError when a file has two labels."""
        found: dict[str, str | None] = {}
        for file, label in zip(self.files or (), self.labels, strict=True):
            if (before := found.setdefault(normal_name(file), label)) != label:
                raise DatasetError(f"{file} has two labels: {before}, {label}.", "Keep one row for it.", "labels_file")
        return found

    def check_count(self, n_rows: int) -> None:
        """Raises DatasetError unless there is exactly one label per row."""
        if len(self.labels) != n_rows:
            raise DatasetError(
                f"{self.name} has {len(self.labels):,} labels for {n_rows:,} predictions.",
                "Give one label per prediction, in the same order.",
                "label_count",
            )


def read_given_labels(path: Path, n_rows: int) -> GivenLabels:
    """Reads the labels in the file at `path` (.npy, .npz, CSV, JSON, Parquet).

    Raises:
        DatasetError: the file cannot be used, or it has no file names and not exactly `n_rows` labels.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise DatasetError(f"{path} does not exist.", "Check the path.", "not_found")
    files: Sequence[str] | None = None
    notes: tuple[str, ...] = (f"Labels are taken from {path.name}.",)
    if suffix == ".npy":
        labels: Sequence[str | None] = read_labels(open_npy(path), n_rows)
    elif suffix == ".npz":
        arrays = open_npz(path)
        key = column_among(list(arrays), LABEL_KEYS) or (next(iter(arrays)) if len(arrays) == 1 else None)
        if key is None:
            raise DatasetError(
                f"{path.name} does not say which array holds labels; it has {', '.join(arrays)}.",
                "Save it with np.savez(file, labels=...).", "labels_file",
            )  # fmt: skip
        labels = read_labels(arrays[key], n_rows)
    elif suffix in LABELS_SUFFIXES:
        labels, files, notes = _from_table(path, notes)
    else:
        raise DatasetError(
            f"{path.name} is not a file of labels.", "Give a CSV, JSON, Parquet, .npy or .npz file.", "labels_file"
        )
    given = GivenLabels(path.name, labels, files, notes)
    if files is None:
        given.check_count(n_rows)
    return given


def _from_table(
    path: Path, notes: tuple[str, ...]
) -> tuple[Sequence[str | None], Sequence[str] | None, tuple[str, ...]]:
    """Labels, file names if there are any, and `notes` with those about the rows."""
    with path.open("rb") as file:
        data = file.read(MAX_LABELS_BYTES + 1)
    try:
        table = read_labels_file(data, path.name, ())
        if table.faults:
            uncertain = listed([table.files[row] for row in sorted(table.faults)])
            notes = (*notes, f"Without exactly one label in {path.name}, so not compared: {uncertain}.")
        return table.labels, table.files, (*notes, *table.notes)
    except DatasetError:
        if path.suffix.lower() not in (".csv", ".tsv"):
            raise
        try:
            cells = read_csv(data)
        except Exception:
            cells = None
        header = [] if cells is None else [str(cell) for cell in cells.iloc[0]]
        column = column_among(header, LABEL_COLUMNS)
        if cells is None or column is None:
            raise
        return [as_label(cell) for cell in cells.iloc[1:][header.index(column)]], None, notes


def with_labels(predictions: PredictionsFile, given: GivenLabels | None) -> Iterator[Piece]:
    """The pieces of a file of predictions. Given labels replace the labels in the file.

    Raises:
        DatasetError: the labels match none of the rows, or their number is not the number of rows.
    """
    first = named = 0
    for piece in predictions.pieces():
        if given:
            last = first + len(piece.pred_probs)
            if given.files and piece.files:
                keys = [normal_name(file) for file in piece.files]
                labels = [given.by_file.get(key) for key in keys]
                named += sum(key in given.by_file for key in keys)
                if last == predictions.n_rows and not named:
                    raise DatasetError(
                        f"{given.name} names no file of the predictions. It names files like {given.files[0][:80]!r}, "
                        f"the predictions like {piece.files[0][:80]!r}.",
                        "Use the same file names in both.", "labels_file",
                    )  # fmt: skip
                files: Sequence[str] | None = piece.files
            else:
                given.check_count(predictions.n_rows)
                labels = list(given.labels[first:last])
                files = piece.files or (given.files and given.files[first:last])
            piece, first = replace(piece, labels=labels, files=files), last
        yield piece
