"""Parquet files with a column of image files and a column of labels, as Hugging Face stores them. Read in pieces.

Source of the layout: https://huggingface.co/docs/datasets/about_dataset_features (Image, ClassLabel)
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dashboard.core.datasets.attributes import Attributes, attributes_of, parquet_columns
from dashboard.core.datasets.choices import NO_SPLITS
from dashboard.core.datasets.columns import (
    IMAGE_FEATURES,
    LABEL_FEATURES,
    NAME_FEATURES,
    SPLIT_COLUMNS,
    column_among,
    columns_among,
)
from dashboard.core.datasets.contract import unreadable
from dashboard.core.datasets.image_files import joint_fingerprint
from dashboard.core.datasets.label_column import about_names, column_of_names, may_name_ids
from dashboard.core.datasets.label_notes import about_missing, about_other_labels
from dashboard.core.datasets.label_value import SeveralLabels, as_label, several_labels
from dashboard.core.datasets.numbers_of_classes import count_of_classes, way_out, what_it_holds
from dashboard.core.datasets.parquet_file import open_parquet, state_of_file
from dashboard.core.datasets.read_instead import if_predictions
from dashboard.core.datasets.sample_list import NumberedNames, PackedNames, SampleList
from dashboard.core.datasets.table_splits import choose_records, splits_of
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.files import sha256_of
from dashboard.core.images.decoding import DecodedImage, decode_image
from dashboard.core.parsing import parsing, reason
from dashboard.core.questions import Question

MAGIC = b"PAR1"
_PIECE_ROWS, _PIECE_BYTES = 64, 32 * 2**20  # limits for one piece, which is in memory as a whole
_COPY = "Upload or copy it again."


class ParquetImages:
    """A dataset in one Parquet file or in several shards. See `Dataset`."""

    questions: tuple[Question, ...] = ()
    names_files: tuple[Path, ...] = ()  # say what the labels mean that are numbers, see `give_names`

    def __init__(self, path: Path, files: Sequence[Path], split: str = "") -> None:
        """Raises DatasetError when a file is damaged, or its columns cannot be used as images and labels.

        Args:
            split: of several that a column tells, the one that the user chose; "" if none. See `choose_split`.

        Raises:
            UndecidedError: the user has to choose a split.
        """
        self.path, self._paths = path, tuple(files)
        self._used: set[str] = set()  # columns
        with parsing(self._unreadable):
            self._states = [state_of_file(file) for file in files]
            groups: list[_Group] = []
            schema = _open(files[0]).schema_arrow
            for file in files:
                opened = _open(file)
                if not opened.schema_arrow.equals(schema):
                    raise ValueError(f"{file.name} has other columns than {files[0].name}")
                groups += _groups(file, opened.metadata)
            if len(set(schema.names)) < len(schema.names):
                raise ValueError("two columns have the same name")
            self._image, self._nested = _image_column(schema, path.name)
            label = column_among([n for n in schema.names if n != self._image], LABEL_FEATURES)
            count = sum(group.rows for group in groups)
            if not count:
                raise ValueError("it has no rows")
            self._schema = schema
            ids = label
            if label and not _class_names(schema, label):
                label = column_of_names(self._column(label), self._texts(label)) or label
            names = self._names([n for n in schema.names if n != label], schema, count)
            self._used.update(filter(None, (self._image, label)))
            self._faults: dict[int, ImageError] = {}
            labels = list(self._labels(label, schema)) if label else [None] * count
            self.samples = SampleList(names, labels)
        self.notes: tuple[str, ...] = (f"Images are read from the column {self._image}, labels from {label}.",)
        if label is None:
            columns = ", ".join(schema.names)
            self.notes = (f"No column of labels ({columns}), so the images are predicted, but not compared.",)
        else:
            if ids and ids != label:
                self.notes += (about_names(path.name, ids, label),)
            with parsing(self._unreadable):
                self.notes += about_other_labels(path.name, label, labels, self._other_labels(label))
        self._rows, self._split = np.arange(count), ""  # the rows of the split in use, if there are several
        with parsing(self._unreadable):
            self._take_split(labels, split)
        if label:
            faulty = np.isin(self._rows[self.samples.unlabelled], list(self._faults))
            self.notes += about_missing(int((~faulty).sum()), "row")
        self._lock = threading.Lock()
        self._reader = _Reader(groups, self._image)

    def _other_labels(self, label: str) -> dict[str, list[object]]:
        """The values of the other columns that may hold the labels."""
        others = columns_among([n for n in self._schema.names if n not in self._used], LABEL_FEATURES)
        kinds = {each: self._schema.field(each).type for each in others}
        are_plain = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string)
        plain = [each for each, kind in kinds.items() if any(is_plain(kind) for is_plain in are_plain)]
        names_of = {each: _class_names(self._schema, each) for each in plain}
        return {each: [_named(value, names_of[each]) for value in self._column(each)] for each in plain}

    def _texts(self, label: str) -> dict[str, Iterator[object]]:
        """The values of the columns that may name the class ids in the column of the labels."""
        is_text = (pa.types.is_string, pa.types.is_large_string)
        others = [n for n in self._schema.names if n != label]
        names = dict.fromkeys([*filter(may_name_ids, others), *columns_among(others, LABEL_FEATURES)])
        texts = [n for n in names if any(is_kind(self._schema.field(n).type) for is_kind in is_text)]
        return {each: self._column(each) for each in texts}

    def _take_split(self, labels: Sequence[str | None], wanted: str) -> None:
        schema = self._schema
        columns = [n for n in schema.names if n not in self._used and not pa.types.is_nested(schema.field(n).type)]
        column = column_among(columns, SPLIT_COLUMNS)
        if column is None or wanted == NO_SPLITS:
            return
        class_names = _class_names(schema, column)
        cells = (_named(value, class_names) for value in self._column(column))
        splits = splits_of(cells, column)
        if found := choose_records(self.path.name, f"the column {column}", splits, labels, wanted):
            self._rows, choice = found
            self.samples = self.samples.at(self._rows)
            self.questions, self.notes = (choice.question,), (choice.note, *self.notes)
            self._split = choice.question.chosen or ""

    def _unreadable(self, error: Exception) -> DatasetError:
        return DatasetError(f"{self.path.name} cannot be read: {reason(error)}.", _COPY, "parquet")

    def _names(self, columns: Sequence[str], schema: pa.Schema, count: int) -> Sequence[str]:
        """Names from a column, or the images' own paths, if every row has one; else row numbers."""
        own = column_among([n for n in columns if pa.types.is_string(schema.field(n).type)], NAME_FEATURES)
        column = own or (f"{self._image}.path" if self._nested and _has_field(schema, self._image, "path") else None)
        if column:
            names: list[str] = []
            for value in self._column(column):
                if not value:
                    break
                names.append(str(value))
            if len(names) == count:
                self._used.add(column)
                return PackedNames(names)
        return NumberedNames(count, "row")

    def _labels(self, column: str, schema: pa.Schema) -> Iterator[str | None]:
        class_names, kind = _class_names(schema, column), schema.field(column).type
        listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if pa.types.is_boolean(kind) or (pa.types.is_nested(kind) and not listed):
            raise DatasetError(
                f"The column {column} of {self.path.name} holds {kind}, which cannot be a label.",
                "Store class ids or names in it.", "parquet_columns",
            )  # fmt: skip
        if listed and (count := count_of_classes(self._column(column))):
            raise DatasetError(
                f"{self.path.name} has no labels that can be used: {what_it_holds(column, count)}.",
                way_out(self.path.name, column, with_images=True), "parquet_columns",
            )  # fmt: skip
        for row, value in enumerate(self._column(column)):
            try:
                yield as_label(
                    [_named(each, class_names) for each in value] if listed and value else _named(value, class_names)
                )
            except SeveralLabels as several:
                self._faults[row] = several_labels(self.path.name, several.labels)
                yield None

    def _column(self, column: str) -> Iterator[Any]:
        for path in self._paths:
            for batch in _open(path).iter_batches(65536, columns=[column]):
                values = batch.column(0)
                yield from (values.field("path") if pa.types.is_struct(values.type) else values).to_pylist()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the files, and the split if a column tells several."""
        parts = [*map(sha256_of, (*self._paths, *self.names_files)), *filter(None, [self._split])]
        return joint_fingerprint(*parts) if len(parts) > 1 else parts[0]

    def attributes(self) -> Attributes:
        """See `Dataset`."""
        with parsing(self._unreadable):
            columns = parquet_columns(self._paths, self._used)
            found = attributes_of(
                self.path.name, ((n, partial(self._with_class_names, n, read)) for n, read in columns)
            )
        return found.at(self._rows) if found.columns.num_columns else found

    def _with_class_names(self, column: str, read: Callable[[], pa.ChunkedArray]) -> pa.ChunkedArray:
        values, class_names = read(), pa.array(_class_names(self._schema, column), pa.string())
        if not (len(class_names) and pa.types.is_integer(values.type)):
            return values
        has_name = pc.and_(pc.greater_equal(values, 0), pc.less(values, len(class_names)))
        return pc.take(class_names, pc.if_else(has_name, values, None))

    def file(self, index: int) -> bytes:
        """See `Dataset`."""
        row = int(self._rows[index])
        if row in self._faults:
            raise self._faults[row]
        with parsing(self._unreadable_row):
            with self._lock:
                value = self._reader.value(row)
            self._check_unchanged()
        data = value.get("bytes") if isinstance(value, dict) else value
        if data is None:
            raise ImageError("The row holds no image.", "Store the image's bytes in the file.", "missing")
        return bytes(data)

    def _unreadable_row(self, error: Exception) -> ImageError:
        self._check_unchanged()
        return ImageError(
            f"The row of this image cannot be read ({reason(error)}).", "Copy the file again.", "unreadable"
        )

    def _check_unchanged(self) -> None:
        """Raises DatasetError if a file was written anew since it was opened: a row may now be about another image."""
        try:
            same = self._states == [state_of_file(path) for path in self._paths]
        except OSError as error:
            raise unreadable(self.path, error) from error
        if not same:
            raise DatasetError(
                f"{self.path.name} was changed while it was read.",
                "Wait until it is written completely, then open or evaluate it again.", "dataset_changed",
            )  # fmt: skip

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return self.decoded(index, shrink_to).pixels

    def decoded(self, index: int, shrink_to: tuple[int, int] | None = None) -> DecodedImage:
        """See `Dataset`."""
        return decode_image(self.file(index), shrink_to)


def count_rows(path: Path) -> int:
    """The number of rows in a Parquet file. Raises OSError when it is damaged."""
    return int(_open(path).metadata.num_rows)


def _open(path: Path) -> pq.ParquetFile:
    with parsing(lambda error: OSError(f"{path.name}: {reason(error)}")):
        return open_parquet(path)


@dataclass(frozen=True)
class _Group:
    """A row group of a Parquet file."""

    path: Path
    number: int
    rows: int
    piece_rows: int  # rows to read at a time


def _groups(path: Path, metadata: pq.FileMetaData) -> Iterator[_Group]:
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        row_bytes = group.total_byte_size / max(1, group.num_rows)
        yield _Group(path, number, group.num_rows, int(np.clip(_PIECE_BYTES // max(1, row_bytes), 1, _PIECE_ROWS)))


class _Reader:
    """Reads the values of one column in pieces. Reading forward is cheap. Only one file is open at a time."""

    def __init__(self, groups: Sequence[_Group], column: str) -> None:
        self._groups, self._column = groups, column
        self._firsts = np.cumsum([0, *(group.rows for group in groups)])[:-1]
        self._group = -1
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._values: pa.Array = pa.array([])
        self._first = 0  # row number of the first of these values

    def value(self, row: int) -> Any:
        group = int(np.searchsorted(self._firsts, row, side="right")) - 1
        if group != self._group or row < self._first:
            wanted = self._groups[group]
            file = _open(wanted.path)
            self._batches = file.iter_batches(wanted.piece_rows, row_groups=[wanted.number], columns=[self._column])
            self._group, self._first, self._values = group, int(self._firsts[group]), pa.array([])
        while row >= self._first + len(self._values):
            self._first += len(self._values)
            try:
                self._values = next(self._batches).column(0)
            except StopIteration as error:
                self._group = -1
                raise OSError("the file ends too early") from error
            except Exception:
                self._group = -1
                raise
        return self._values[row - self._first].as_py()


def _image_column(schema: pa.Schema, name: str) -> tuple[str, bool]:
    """The column of images, and whether it is a struct of bytes and path."""
    nested = [n for n in schema.names if _has_field(schema, n, "bytes")]
    binary = [n for n in schema.names if pa.types.is_binary(t := schema.field(n).type) or pa.types.is_large_binary(t)]
    candidates = nested or binary
    chosen = candidates[0] if len(candidates) == 1 else column_among(candidates, IMAGE_FEATURES)
    if chosen is None:
        raise DatasetError(
            f"{name} does not say which column holds the images; it has {', '.join(f'{f.name} ({f.type})'[:60] for f in schema)}.",
            "Store image files as a binary column `image`, or as Hugging Face does, and a column `label`. " + if_predictions(),
            "parquet_columns",
        )  # fmt: skip
    return chosen, bool(nested)


def _has_field(schema: pa.Schema, column: str, field: str) -> bool:
    kind = schema.field(column).type
    return pa.types.is_struct(kind) and kind.get_field_index(field) >= 0


def _named(value: object, class_names: Sequence[str]) -> object:
    """The name of a class id. An id without a name becomes a label that matches no class, and -1 no label."""
    if not (class_names and isinstance(value, int)):
        return value
    if value == -1:
        return None
    return class_names[value] if 0 <= value < len(class_names) else f"id {value}"


def _class_names(schema: pa.Schema, label: str | None) -> tuple[str, ...]:
    """The class names of a ClassLabel column, or of one of lists, in Hugging Face's metadata; () if there are none."""
    try:
        feature = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]
        if isinstance(feature, list):
            [feature] = feature
        return tuple(map(str, feature.get("feature", feature)["names"]))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return ()
