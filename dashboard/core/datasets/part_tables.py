"""The tables among the files of a dataset that may label a part of it, and the choice of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dashboard.core.datasets.choices import NO_SPLITS, Choices
from dashboard.core.datasets.class_map import find_class_maps
from dashboard.core.datasets.dataset_parts import DatasetFiles, Part
from dashboard.core.datasets.file_names import folder_of, suffix_of
from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.labels_file import TEXT_SUFFIX
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.datasets.split_names import PLAIN, WORD, names_split, split_named_in
from dashboard.core.datasets.splits import Splits
from dashboard.core.datasets.table_choice import TableChoice, choose_table
from dashboard.core.datasets.tables import (
    Table,
    foreign_tables,
    joined_by_split,
    likely_first,
    may_label,
    must_be_usable,
    named_among,
    read_tables,
    replaces_folders,
    rivals_of_folders,
    table_positions,
    tables_by_first_line,
    without_templates,
)
from dashboard.core.errors import DatasetError, listed


class PartTables:
    """Chooses tables for the parts of one dataset."""

    def __init__(self, dataset_name: str, files: DatasetFiles, splits: Splits | None, choices: Choices) -> None:
        self._name, self._splits, self._choices = dataset_name, splits, choices
        self._source, self._names, self._is_image = files.source, files.names, files.is_image
        self._may_split = splits is None and choices.split != NO_SPLITS
        self.by_first_line = tables_by_first_line(files.source, files.is_image, choices.labels)

    def among(self, part: Part) -> dict[int, Table]:
        """The tables that may hold the labels, by position; all tables, if the user has named one."""
        positions = part.others.tolist()
        if not positions:
            return {}
        found = table_positions(self._names, positions, part.image_names)
        others = self.by_first_line.intersection(positions)
        texts = {i for i in others if suffix_of(self._names[i]) == TEXT_SUFFIX}
        found = sorted({*found, *(others - texts if found and not self._choices.labels else others)})
        if not found and len(part.folders) < 2:  # beside class folders, they may be anything
            found = foreign_tables(self._names, positions)
        if not self._choices.labels:
            found = likely_first(self._names, found)
        if self._choices.labels:
            wanted = named_among(self._names, found, self._choices.labels)
            found = [*wanted, *(i for i in found if i not in wanted)]  # there is room at least for what the user named
            texts = texts.difference(wanted)
        tables = read_tables(self._source, found, part.image_names, self._choices.label_column)
        tables = {i: table for i, table in tables.items() if i not in texts or may_label(table)}
        unmatched = [i for i, t in tables.items() if not t.matched and suffix_of(t.name) != TEXT_SUFFIX]
        names_of_classes = {each.file for each in find_class_maps(self._source, unmatched) if not each.fault}
        tables = {i: table for i, table in tables.items() if table.name not in names_of_classes}
        if self._choices.label_column and any(table.content for table in tables.values()):
            tables = {i: table for i, table in tables.items() if not (table.fault and table.fault.code == "choice")}
        tables = {i: self._unless_for_another_split(i, table, part) for i, table in tables.items()}
        count = len(part.image_names)
        if (
            len(part.folders) > 1
            and not self._choices.labels
            and not self._choices.label_column
            and not any(replaces_folders(t, count) for t in tables.values())
            and not ((one := self._one_of_splits(tables)) and replaces_folders(one, count))
        ):
            return rivals_of_folders(tables, count, part.folders, self._may_split)
        return tables

    def choose(self, tables: Mapping[int, Table], part: Part) -> TableChoice:
        """The table that labels the images of a part, if any.

        Args:
            tables: by position, from `among`.
        """
        wanted = self._choices.labels
        if not tables and not wanted:
            return TableChoice(None, None)
        several, images = len(part.folders) > 1, len(part.image_names)
        one = self._one_of_splits(tables) if not wanted else None
        if one and (self._choices.split or not several or replaces_folders(one, images)):
            return TableChoice(one, None)
        required = (bool(self._choices.label_column) and not part.split) or any(
            must_be_usable(table.name, part.folders) for i, table in tables.items() if i not in part.outside
        )
        column_chosen = self._choices.label_column and not wanted
        replaced = column_chosen or any(replaces_folders(table, images) for table in tables.values())
        may_be_class = not several and any(folder and not _says_images(folder) for folder in part.folders)
        no_labels_known = not any(table.content for table in tables.values())
        rivals = (several and not replaced) or (may_be_class and no_labels_known)
        named = listed(sorted(filter(None, part.folders)), 3) if rivals else ""
        shared = [table.name for i, table in tables.items() if i in part.outside]
        return choose_table(self._name, list(tables.values()), wanted, required, named, several, shared)

    def _one_of_splits(self, tables: Mapping[int, Table]) -> Table | None:
        """See `joined_by_split`; None also if tables may not tell the splits."""
        if not self._may_split:
            return None
        return joined_by_split(without_templates(list(tables.values())), bool(self._choices.split))

    def split_of(self, table: str) -> str | None:
        """The split that a table is called like; None if it is called like none."""
        return split_named_in(file_stem(table), self._splits.positions) if self._splits else None

    def _unless_for_another_split(self, position: int, table: Table, part: Part) -> Table:
        """The table, with a fault if it lies outside all splits, is called like another one, and its rows fit images of both."""
        owner = self.split_of(table.name)
        if not self._splits or not table.content or owner in (None, part.split) or not part.split:
            return table
        if position not in part.outside:
            return table
        theirs = self._splits.positions[owner]
        find = Finder(part.image_names)
        find_theirs = Finder([self._names[i] for i in theirs[self._is_image[theirs]].tolist()])
        folder = folder_of(table.name)
        if not any(len(find(file, folder)) and len(find_theirs(file, folder)) for file in table.content.files):
            return table
        why = f"{table.name} is not used for the {self._splits.noun} {part.split}: it is called like {owner}."
        return replace(table, matched=0, labelled=0, fault=DatasetError(why, code="labels_file"))


def _says_images(folder: str) -> bool:
    """True for a folder that is called for the images in it, such as HAM10000_images_part_1, or for a split."""
    return names_split(folder) or not PLAIN.isdisjoint(word.casefold() for word in WORD.findall(folder))
