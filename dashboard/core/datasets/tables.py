"""Finds the tables of labels among the files of a dataset, and judges which of them hold its labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np

from dashboard.core.datasets.attributes import Attributes, joined
from dashboard.core.datasets.class_files import annotations_elsewhere
from dashboard.core.datasets.csv_labels import is_text_table, names_files
from dashboard.core.datasets.file_names import folder_of, normal_name, suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.foreign_formats import FOREIGN_SUFFIXES
from dashboard.core.datasets.label_column import NoLabelColumnError
from dashboard.core.datasets.labels_file import (
    LABELS_SUFFIXES,
    MAX_LABELS_BYTES,
    TEXT_SUFFIX,
    read_labels_file,
)
from dashboard.core.datasets.other_names import file_stem, folder_names, without_hosts
from dashboard.core.datasets.repeated_names import name_before
from dashboard.core.datasets.split_names import SPLITS, split_named_in
from dashboard.core.datasets.table_rows import LabelsTable, names_no_image
from dashboard.core.errors import Advice, Choice, DatasetError, ImageError, counted, listed, listed_and

LABELS_STEMS = frozenset({"labels", "label"})
_LIKELY_STEMS = frozenset({*LABELS_STEMS, "metadata", "annotations"})
_COCO_STEM = re.compile(r"_annotations\.coco|instances_\w+")  # as Roboflow and COCO call their files
_TEMPLATE = "submission"  # in the names of tables with made-up labels, which Kaggle's competitions give as an example
_NEARLY_ALL = 0.9  # share of the images
_HEAD_BYTES = 2**16  # of a table; its first line has to fit
MOST_TABLES = 40  # more are records of single images rather than tables of many


@dataclass(frozen=True)
class Table:
    """A table beside images."""

    name: str  # path inside the dataset
    content: LabelsTable | None  # None: it cannot be read as labels
    rows: int
    matched: int  # rows that name exactly one image
    labelled: int  # images that it gives a label
    differs: bool = False  # a label is another than the name of its image's folder
    fault: DatasetError | None = None  # why it certainly holds no labels of this dataset
    template: bool = False  # True: its labels are made up
    unread: bool = False  # True: the tables before it were so large that it was not read
    images: int = 0  # of the dataset

    @property
    def in_words(self) -> str:
        """Its size, and how it fits the images."""
        others = self.images - self.labelled
        without = f"; {counted(others, 'image')} without a label in it" if others > 0 else ""
        splits = listed(sorted(set(self.content.splits) - {""})) if self.content else ""
        size = f"{self.rows:,} rows, of which {self.matched:,} name an image{without}"
        return f"{size}; splits: {splits}" if splits else size


def table_positions(names: Sequence[str], positions: Sequence[int], images: Sequence[str]) -> list[int]:
    """The files that may be tables of labels: not those that belong to one image, such as 1.jpg.json, 1.json or annotations/1.json.

    Args:
        positions: of files that are no images.
    """
    tables = [i for i in positions if suffix_of(names[i]) in LABELS_SUFFIXES]
    if tables and (annotations := annotations_elsewhere(names, tables, images)):
        tables = [i for i in tables if i not in annotations]
    if tables:
        known = frozenset(images)
        tables = [i for i in tables if names[i].rpartition(".")[0] not in known]
    if len(tables) > 1:
        stems = {image.rpartition(".")[0] for image in images}
        beside = {i for i in tables if names[i].rpartition(".")[0] in stems}
        if len(tables) > MOST_TABLES or 2 * len(beside) > len(stems):
            tables = [i for i in tables if i not in beside]
    return tables[:MOST_TABLES]


def tables_by_first_line(source: FileSource, is_image: np.ndarray, wanted: str) -> frozenset[int]:
    """The files without a suffix, and .txt, that are CSV by their first line.

    Those without a suffix have a column of files, as HAM10000_metadata of Harvard Dataverse; for .txt see `is_text_table`.

    Args:
        is_image: (n,) bool, whether each file is an image.
        wanted: the path or name of a file that is one, whatever its first line is.
    """
    names, tables = source.names, set[int]()
    others = np.flatnonzero(~is_image).tolist()
    stems: set[str] = set()
    for suffix, is_table in (("", names_files), (TEXT_SUFFIX, is_text_table)):
        found = [i for i in others if suffix_of(names[i]) == suffix and names[i][-1:] != "/"]
        if not found:
            continue
        tables |= {*named_among(names, found, wanted)} if wanted else set()
        stems = stems or {names[i].rpartition(".")[0] for i in np.flatnonzero(is_image).tolist()}
        found = [i for i in found if names[i].removesuffix(suffix) not in stems]
        if len(found) <= MOST_TABLES:
            tables |= {i for i in found if _begins_so(source, i, is_table)}
    return frozenset(tables)


def _begins_so(source: FileSource, position: int, is_table: Callable[[bytes], bool]) -> bool:
    try:
        return is_table(source.read(position, _HEAD_BYTES))
    except ImageError:
        return False


def named_among(names: Sequence[str], positions: Sequence[int], wanted: str) -> list[int]:
    """The files that the user may mean by `wanted`: a whole path, else the name of a file in any folder."""
    found = [i for i in positions if normal_name(names[i]) == normal_name(wanted)]
    return found or [i for i in positions if normal_name(names[i]).rpartition("/")[2] == normal_name(wanted)]


def foreign_tables(names: Sequence[str], positions: Sequence[int]) -> list[int]:
    """The files that likely are tables of labels, but of a kind that is not read: labels.feather."""
    return [i for i in positions if suffix_of(names[i]) in FOREIGN_SUFFIXES and is_likely(names[i])][:MOST_TABLES]


def likely_first(names: Sequence[str], tables: Sequence[int]) -> list[int]:
    """Tables called labels, label, metadata or annotations; all tables if there is none."""
    return [i for i in tables if is_likely(names[i])] or list(tables)


def is_likely(name: str) -> bool:
    """True for a table whose name says that it holds labels."""
    return file_stem(name).lower() in _LIKELY_STEMS or _is_coco_name(name)


def _is_coco_name(name: str) -> bool:
    return name.lower().endswith(".json") and _COCO_STEM.fullmatch(file_stem(name).lower()) is not None


def replaces_folders(table: Table, images: int) -> bool:
    """True if a table that labels nearly all images is used instead of their folders.

    Its name says so; or it says the same as the folders, and tells the splits of the images.
    """
    tells_splits = table.content is not None and bool(table.content.splits) and not table.differs
    return (is_likely(table.name) or tells_splits) and table.labelled >= _NEARLY_ALL * images


def rivals_of_folders(
    tables: Mapping[int, Table], images: int, folders: Collection[str | None], may_split: bool
) -> dict[int, Table]:
    """The tables that may hold the labels although the images lie in several folders, which may be classes.

    They give an image another label than the name of its folder, or a split. Unless the name of a table says that it
    holds labels, it must also name most images and lie in none of these folders. Kept too are those that have to report
    that they were not read, that none of their columns is called like labels, or that they name no image although they
    are called labels.

    Args:
        may_split: False: the splits in a table are not used.
    """

    def is_rival(table: Table) -> bool:
        if table.content is None or not table.matched:
            return is_likely(table.name) or table.unread or isinstance(table.fault, NoLabelColumnError)
        if not table.differs and not (may_split and table.content.splits):
            return False
        inside = table.name.rpartition("/")[0].rpartition("/")[2] in folders
        return is_likely(table.name) or (2 * table.matched > images and not inside)

    return {i: table for i, table in tables.items() if is_rival(table)}


def may_label(table: Table) -> bool:
    """False for a table that certainly labels none of the images."""
    return (
        table.matched > 0
        or isinstance(table.fault, NoLabelColumnError)
        or bool(table.fault and table.fault.code == "choice")
    )


def must_be_usable(name: str, folders: Collection[str | None]) -> bool:
    """True if a dataset without this table would lack its labels."""
    return set(folders) <= {None} or file_stem(name).lower() in LABELS_STEMS or _is_coco_name(name)


def read_tables(
    source: FileSource, positions: Sequence[int], images: Sequence[str], column: str = ""
) -> dict[int, Table]:
    """Reads tables, by position, and matches their rows with images.

    Together they may have MAX_LABELS_BYTES. A table that does not fit beside those before it is not read and says so.

    Args:
        column: that holds the labels, if the user has chosen it.
    """
    if not positions:
        return {}
    stems = {file_stem(name) for image in images for name in (image, name_before(image))}
    folders = folder_names(images)
    find = Finder(images)
    left, tables = MAX_LABELS_BYTES, {}
    for position in positions:
        tables[position], n_bytes = _read_table(source, position, images, stems, folders, find, left, column)
        left -= n_bytes
    return tables


def _read_table(
    source: FileSource,
    position: int,
    images: Sequence[str],
    stems: Collection[str],
    folders: Collection[str],
    find: Finder,
    most: int,
    column: str,
) -> tuple[Table, int]:
    """The table and how many of `most` bytes it takes, which is 0 if it is not kept."""
    name = source.names[position]
    try:
        data = source.read(position, most + 1)
        if len(data) > most and most < MAX_LABELS_BYTES:
            return Table(name, None, 0, 0, 0, fault=_too_many_bytes(name), unread=True), 0
        again = partial(source.read, position, MAX_LABELS_BYTES + 1)
        content = read_labels_file(data, name, stems, again, column, folders)
    except ImageError as error:
        return Table(name, None, 0, 0, 0, fault=DatasetError(f"{name}: {error.message}", error.advice, error.code)), 0
    except DatasetError as error:
        return Table(name, None, 0, 0, 0, fault=error), 0
    beside = folder_of(name)
    content = without_hosts(content, find, beside)
    matched, labelled, differs = 0, set(), False
    for row, file in enumerate(content.files):
        if len(found := find(file, beside)) == 1:
            matched += 1
            label = content.labels[row]
            if label is not None or row in content.faults:
                labelled.add(image := int(found[0]))
                folder = images[image].rpartition("/")[0].rpartition("/")[2]
                differs = differs or label is None or label.casefold() != folder.casefold()
    fault = None if matched else names_no_image(content, images, find)
    return Table(name, content, len(content.files), matched, len(labelled), differs, fault, images=len(images)), len(
        data
    )


def _too_many_bytes(name: str) -> DatasetError:
    return DatasetError(
        f"{name} is not read, since all tables of a dataset together may have {MAX_LABELS_BYTES // 2**20} MB.",
        Advice("If it holds the labels: ", Choice("labels", name), ". Otherwise leave it out of the dataset."),
        "labels_file",
    )


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
        if any(table.content.labels)
        else "it gives no image a label"
    )
    fault = DatasetError(
        f"{table.name} is not used: {why}.", Advice("To use it: ", Choice("labels", table.name)), "labels_file"
    )
    return replace(table, fault=fault, template=True)


def joined_by_split(tables: Sequence[Table], split_is_wanted: bool = False) -> Table | None:
    """One table of all that name images, with their splits, if each is called like another split; else None.

    Args:
        split_is_wanted: then a single one will do, if another table is called like a split, but gives no labels.
    """
    usable = [table for table in tables if table.content and table.matched and not table.fault]
    splits = [split_named_in(file_stem(table.name), SPLITS) for table in usable]
    contents = [table.content for table in usable if table.content]
    named = {split_named_in(file_stem(table.name), SPLITS): table.fault for table in tables if table.fault}
    without_labels = {split: fault.message for split, fault in named.items() if split and split not in splits}
    alone = split_is_wanted and without_labels and len(usable) == 1 and not contents[0].splits
    if (len(usable) < 2 and not alone) or None in splits or len(set(splits)) < len(splits):
        return None
    if len({folder_of(table.name) for table in usable}) > 1:
        return None
    sizes = [len(content.files) for content in contents]
    firsts = np.cumsum([0, *sizes]).tolist()
    read = [content.attributes for content in contents]

    def attributes() -> Attributes:
        found = joined([each and each() for each in read], sizes)
        assert found is not None  # one has them, see below
        return found

    folder, files = folder_of(usable[0].name), [table.name.rpartition("/")[2] for table in usable]
    content = LabelsTable(
        f"{folder}/{listed_and(files)}" if folder else listed_and(files),
        tuple(chain.from_iterable(content.files for content in contents)),
        tuple(chain.from_iterable(content.labels for content in contents)),
        tuple(chain.from_iterable(content.notes for content in contents)),
        {
            first + i: fault
            for first, content in zip(firsts, contents, strict=False)
            for i, fault in content.faults.items()
        },
        attributes=attributes if any(read) else None,
        splits=tuple(split or "" for split, size in zip(splits, sizes, strict=True) for _ in range(size)),
        table_of_split={split or "": table.name for split, table in zip(splits, usable, strict=True)},
        without_labels=without_labels,
        question=next((content.question for content in contents if content.question), None),
    )
    matched, labelled = sum(table.matched for table in usable), sum(table.labelled for table in usable)
    differs = any(table.differs for table in usable)
    return Table(content.name, content, sum(sizes), matched, labelled, differs, images=usable[0].images)
