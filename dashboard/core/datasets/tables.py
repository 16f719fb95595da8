"""Finds the tables of labels among the files of a dataset, and judges which of them hold its labels."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelling import Finder, suffix_of
from dashboard.core.datasets.labels_file import (
    LABELS_SUFFIXES,
    MAX_LABELS_BYTES,
    file_stem,
    read_labels_file,
)
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.errors import DatasetError, ImageError

LABELS_STEMS = frozenset({"labels", "label"})
_LIKELY_STEMS = frozenset({*LABELS_STEMS, "metadata", "annotations"})
_COCO_STEM = re.compile(r"_annotations\.coco|instances_\w+")  # as Roboflow and COCO call their files
_TEMPLATE = "submission"  # in the names of tables with made-up labels, which Kaggle's competitions give as an example
MOST_TABLES = 40  # more are records of single images rather than tables of many


@dataclass(frozen=True)
class Table:
    """A table beside images."""

    name: str  # path inside the dataset
    content: LabelsTable | None  # None: it cannot be read as labels
    rows: int
    matched: int  # rows that name exactly one image
    fault: DatasetError | None = None  # why it certainly holds no labels of this dataset
    template: bool = False  # True: its labels are made up

    @property
    def in_words(self) -> str:
        """Its size, and how it fits the images."""
        return f"{self.rows:,} rows, of which {self.matched:,} name an image"


def table_positions(names: Sequence[str], positions: Sequence[int], images: Sequence[str]) -> list[int]:
    """The files that may be tables of labels: not those that belong to one image, such as 1.jpg.json or 1.json.

    Args:
        positions: of files that are no images.
    """
    tables = [i for i in positions if suffix_of(names[i]) in LABELS_SUFFIXES]
    if tables:
        known = frozenset(images)
        tables = [i for i in tables if names[i].rpartition(".")[0] not in known]
    if len(tables) > MOST_TABLES:
        stems = {image.rpartition(".")[0] for image in images}
        tables = [i for i in tables if names[i].rpartition(".")[0] not in stems]
    return tables[:MOST_TABLES]


def likely_first(names: Sequence[str], tables: Sequence[int]) -> list[int]:
    """Tables called labels, label, metadata or annotations; all tables if there is none."""
    return [i for i in tables if is_likely(names[i])] or list(tables)


def is_likely(name: str) -> bool:
    """True for a table whose name says that it holds labels."""
    return file_stem(name).lower() in _LIKELY_STEMS or _is_coco_name(name)


def _is_coco_name(name: str) -> bool:
    return name.lower().endswith(".json") and _COCO_STEM.fullmatch(file_stem(name).lower()) is not None


def rivals_of_folders(tables: Mapping[int, Table], images: int, folders: Collection[str | None]) -> dict[int, Table]:
    """The tables that may hold the labels although the images lie in several folders, which may be classes.

    They name most images and lie in none of these folders, and their labels are others than the names of the folders.
    """
    names = {folder.casefold() for folder in folders if folder}
    return {
        i: table
        for i, table in tables.items()
        if table.content is not None
        and 2 * table.matched > images
        and table.name.rpartition("/")[0].rpartition("/")[2] not in folders
        and not {label.casefold() for label in table.content.labels if label} <= names
    }


def must_be_usable(name: str, folders: Collection[str | None]) -> bool:
    """True if a dataset without this table would lack its labels."""
    return set(folders) <= {None} or file_stem(name).lower() in LABELS_STEMS or _is_coco_name(name)


def read_table(source: FileSource, position: int, images: Sequence[str]) -> Table:
    """Reads a table and matches its rows with images."""
    name = source.names[position]
    stems = {file_stem(image) for image in images}
    try:
        read = partial(source.read, position, MAX_LABELS_BYTES + 1)
        content = read_labels_file(read(), name, stems, read)
    except ImageError as error:
        return Table(name, None, 0, 0, DatasetError(f"{name}: {error.message}", error.fix, error.code))
    except DatasetError as error:
        return Table(name, None, 0, 0, error)
    find = Finder(images, name.rpartition("/")[0])
    matched = sum(len(find(file)) == 1 for file in content.files)
    fault = None if matched else _names_none(content, len(images))
    return Table(name, content, len(content.files), matched, fault)


def _names_none(content: LabelsTable, count: int) -> DatasetError:
    return DatasetError(
        f"{content.name} names none of the {count:,} images; its first row is for {content.files[0][:80]!r}.",
        "Write the file names as they are in the dataset.", "labels_file",
    )  # fmt: skip


def without_templates(tables: Sequence[Table], shared: Collection[str] = ()) -> list[Table]:
    """The tables, with a fault on those that hold made-up labels rather than true ones.

    Made-up are the labels of a table that is called a submission; and of one that gives each of several images the same
    label, if another table does not, or if it lies outside of the splits that it may be for.

    Args:
        shared: names of the tables that lie outside of all splits.
    """
    varied = any(
        table.content is not None and not _is_submission(table) and not _is_constant(table) for table in tables
    )
    return [
        _as_template(table)
        if _is_submission(table) or (_is_constant(table) and (varied or table.name in shared))
        else table
        for table in tables
    ]


def _is_submission(table: Table) -> bool:
    return _TEMPLATE in file_stem(table.name).lower()


def _is_constant(table: Table) -> bool:
    return table.content is not None and table.rows > 1 and len(set(table.content.labels)) == 1


def _as_template(table: Table) -> Table:
    if table.content is None:
        return replace(table, template=True)
    why = (
        "it is called a submission, which is an example with made-up labels"
        if _is_submission(table)
        else f"it gives every image the same label, {table.content.labels[0]}"
    )
    fault = DatasetError(f"{table.name} is not used: {why}.", f"To use it: --labels {table.name}", "labels_file")
    return replace(table, fault=fault, template=True)
