"""Reads what the names of files and the tables among them say: splits, labels, and names of numbered classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from dashboard.core.datasets.attributes import joined
from dashboard.core.datasets.choices import ALL_SPLITS, FILE_NAMES, NO_SPLITS, Choices
from dashboard.core.datasets.class_files import (
    class_file_positions,
    other_class_files,
    read_class_files,
    read_other_class_files,
)
from dashboard.core.datasets.class_map import find_class_maps, names_of_numbers
from dashboard.core.datasets.copies import find_copies, within_splits
from dashboard.core.datasets.file_names import folder_of, suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.foreign_annotations import about_annotations
from dashboard.core.datasets.labelling import (
    ClassFolders,
    IsImage,
    Labelling,
    by_folder,
    by_labels_file,
    is_document,
    named_after_folders,
)
from dashboard.core.datasets.masks import find_masks
from dashboard.core.datasets.name_labels import ask_for_names, in_words, labels_in_names
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.datasets.part_files import JoinedFiles, PartOfFiles
from dashboard.core.datasets.sample_list import PackedNames, SampleList
from dashboard.core.datasets.split_choice import Split, choose_split, no_splits
from dashboard.core.datasets.split_names import split_named_in
from dashboard.core.datasets.splits import Folders, find_splits
from dashboard.core.datasets.table_choice import TableChoice, choose_table, named_among
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.datasets.table_splits import choose_rows
from dashboard.core.datasets.tables import (
    Table,
    foreign_tables,
    joined_by_split,
    likely_first,
    must_be_usable,
    read_tables,
    replaces_folders,
    rivals_of_folders,
    table_positions,
    without_templates,
)
from dashboard.core.errors import Advice, Choice, DatasetError, listed
from dashboard.core.questions import Question, UndecidedError


@dataclass(frozen=True)
class LabelledFiles:
    """The files that are evaluated, with their labels."""

    source: FileSource
    labelling: Labelling
    questions: tuple[Question, ...] = ()
    table_at: int | None = None  # position of the table of labels among all files
    decided: str = ""  # what tells this reading of the files from others, for the fingerprint; "" if there is only one


class FilesReader:
    """Labels the files of one dataset, as a whole or split by split."""

    def __init__(
        self,
        dataset_name: str,
        source: FileSource,
        choices: Choices,
        given: LabelsTable | None,
        use_tables: bool,
        is_image: IsImage,
    ) -> None:
        """Takes a source with at least one image.

        Args:
            given: labels from elsewhere. The tables among the files are then not used.
            use_tables: False: only folders give labels.
        """
        self._name, self._choices = dataset_name, choices
        self._given, self._use_tables = given, use_tables and given is None
        self._tables_may_label = self._use_tables and choices.labels != FILE_NAMES
        self._names_image = is_image
        self._set_source(source)
        self._masks: tuple[str, ...] = ()  # names of files that are not evaluated
        masks = find_masks(self._names, self._folders, self._is_image)
        if len(masks):
            self._masks = tuple(self._names[i] for i in masks.tolist())
            self._set_source(PartOfFiles(source, np.setdiff1d(np.arange(len(self._names)), masks)))
        self._splits = None
        if choices.split != NO_SPLITS:
            self._splits = find_splits(self._folders, self._is_image)
            copies = find_copies(self._source, self._folders, self._is_image)
            if self._splits and copies:
                self._splits = within_splits(self._splits, copies, self._names, self._is_image)
            self._splits = self._splits or copies
        self._tables_may_split = self._splits is None and choices.split != NO_SPLITS
        self._parts: dict[str, LabelledFiles] = {}

    def _set_source(self, source: FileSource) -> None:
        self._source, self._names = source, source.names
        self._is_image = np.fromiter(map(self._names_image, self._names), bool, len(self._names))
        self._folders = Folders.of(self._names)

    def read(self) -> LabelledFiles:
        """The files of the chosen split, or of the whole dataset if it has no splits. Masks are left out.

        Raises:
            UndecidedError: the user has to choose a split or a table.
            DatasetError: what the user chose is not there, or a table cannot be used.
        """
        read = self._read()
        if not self._masks:
            return read
        what = "1 file is a mask" if len(self._masks) == 1 else f"{len(self._masks):,} files are masks"
        note = (
            f"By their names, {what} of other images, so not evaluated: {listed(self._masks, 4)}. "
            "To evaluate them, put them into a dataset of their own."
        )
        return replace(
            read,
            labelling=replace(read.labelling, notes=(note, *read.labelling.notes)),
            decided=f"{read.decided} without masks".strip(),
        )

    def _read(self) -> LabelledFiles:
        """As `read`.

        Raises:
            UndecidedError: the user has to choose a split or a table.
            DatasetError: what the user chose is not there, or a table cannot be used.
        """
        if self._splits is None:
            read = self._label(np.arange(len(self._names)))
            if self._choices.split not in ("", NO_SPLITS) and all(each.topic != "split" for each in read.questions):
                raise no_splits(self._name, self._choices.split)
            return read
        sizes = [
            Split(name, self._splits.folders[name], int(self._is_image[positions].sum()), "image")
            for name, positions in self._splits.positions.items()
        ]
        certain = self._splits.certain and (
            self._splits.certain_if_labelled or any(map(self._has_labels, self._splits.positions))
        )
        choice = choose_split(
            self._name, sizes, self._choices.split, self._has_labels, may_be_classes=True, certain=certain,
            noun=self._splits.noun, about_others=self._about_others(),
        )  # fmt: skip
        read = self._pooled(choice.splits) if len(choice.splits) > 1 else self._part(choice.splits[0])
        if not self._choices.split and not _any_label(read):
            self._ask_for_names_in_splits()
        if self._given and not _any_label(read):
            by_labels_file(read.source.names, self._given, is_image=self._names_image)  # explains why no row fits
        return replace(
            read,
            labelling=replace(read.labelling, notes=(choice.note, *self._about_others(), *read.labelling.notes)),
            questions=(choice.question, *read.questions),
            decided=f"{choice.question.chosen} {read.decided}",
        )

    def _ask_for_names_in_splits(self) -> None:
        """Raises UndecidedError if no split has labels, but the names of the files in one may be labels."""
        assert self._splits is not None
        for split in self._splits.positions:
            for question in self._part(split).questions:
                if not question.certain and FILE_NAMES in [answer.value for answer in question.answers]:
                    message = f"No {self._splits.noun} of {self._name} has certain labels, but the file names in {split} may be labels."
                    raise UndecidedError(message, replace(question, chosen=None), "labels_uncertain")

    def _about_others(self) -> tuple[str, ...]:
        assert self._splits is not None
        loose = self._splits.outside[self._is_image[self._splits.outside]].tolist()
        names = listed([self._names[i] for i in loose[:4]])
        what = "1 image lies" if len(loose) == 1 else f"{len(loose):,} images lie"
        more = " ..." if len(loose) > 4 else ""
        return (f"{what} in no {self._splits.noun}, so not used: {names}{more}.",) if loose else ()

    def _has_labels(self, split: str) -> bool:
        try:
            return _any_label(self._part(split))
        except UndecidedError:  # several tables can label it
            return True
        except DatasetError as error:
            if error.code != "choice" and not (error.code == "labels_file" and self._choices.labels):
                raise
            return False  # the table that the user named lies in another split, or is for one

    def _part(self, split: str) -> LabelledFiles:
        assert self._splits is not None
        if split not in self._parts:
            self._parts[split] = self._label(self._splits.positions[split], split)
        return self._parts[split]

    def _pooled(self, splits: Sequence[str]) -> LabelledFiles:
        assert self._splits is not None
        together = np.sort(np.concatenate([self._splits.positions[split] for split in splits]))
        try:
            parts = [self._part(split) for split in splits]
        except DatasetError as error:
            if error.code != "labels_file" or not self._choices.labels or isinstance(error, UndecidedError):
                raise
            return self._label(together)  # the table that the user named is for one of the splits
        alike = len({part.table_at for part in parts}) == 1  # one table for all
        if alike and parts[0].table_at not in self._splits.positions[splits[0]]:
            return self._label(together)
        samples = [part.labelling.samples for part in parts]
        firsts = np.cumsum([0, *map(len, samples)]).tolist()
        faults = {
            first + i: fault
            for first, part in zip(firsts, parts, strict=False)
            for i, fault in part.labelling.faults.items()
        }
        labels = (sample.label for each in samples for sample in each)
        return LabelledFiles(
            JoinedFiles([part.source for part in parts], firsts),
            Labelling(
                SampleList(
                    PackedNames(chain.from_iterable(each.names for each in samples)),
                    labels,
                    n_without_image=sum(each.n_without_image for each in samples),
                ),
                faults,
                tuple(dict.fromkeys(note for part in parts for note in part.labelling.notes)),
                lambda: joined([part.labelling.attributes() for part in parts], list(map(len, samples))),
            ),
            tuple(dict.fromkeys(question for part in parts for question in part.questions)),
            decided=" ".join(part.decided for part in parts),
        )

    def _label(self, positions: np.ndarray, split_name: str = "") -> LabelledFiles:
        """Labels the files at these positions by a table among them or outside all splits, else by their folders.

        Args:
            split_name: the split that they are, if they are one.
        """
        outside = self._splits.outside if self._splits else np.empty(0, np.int64)
        markers: Collection[str] = self._splits.markers if self._splits else ()
        images = np.zeros(len(self._names), bool)
        images[positions] = self._is_image[positions]
        image_names = [self._names[i] for i in np.flatnonzero(images).tolist()]
        holding = self._folders.holding(images)
        class_in = ClassFolders(markers, holding, self._folders.holding(self._is_image))
        folders = set(map(class_in.class_of, holding))
        others = np.concatenate([positions, outside])
        others = others[~self._is_image[others]]
        use_tables = self._tables_may_label
        tables = self._tables(others.tolist(), image_names, folders, split_name) if use_tables else {}
        choice = self._choose(tables, set(outside.tolist()), len(image_names), folders)
        kept = np.setdiff1d(positions, list(tables)) if choice.table and tables else positions
        without_table = self._use_tables and not choice.table and not choice.question
        by_folders = len(folders) > 1 and use_tables
        classes: list[int] = []
        class_table: LabelsTable | None = None
        why_not: tuple[str, ...] = ()
        if without_table and use_tables:
            classes, class_table, why_not = self._class_files(
                positions.tolist(), images, [] if by_folders else image_names
            )
        kept = np.setdiff1d(kept, classes) if classes else kept
        no_images = kept[~self._is_image[kept]].tolist()
        stems: set[str] = set()
        if not all(suffix_of(self._names[i]) for i in no_images):
            stems = {name.rpartition("/")[2].rpartition(".")[0] for name in image_names}
        ignored = [i for i in no_images if is_document(self._names[i], stems)]
        kept = np.setdiff1d(kept, ignored)
        table = self._given or (choice.table and choice.table.content) or class_table
        question = choice.question
        if without_table and not by_folders and not table:
            table, question, notes = self._by_names(image_names, sorted(filter(None, folders)))
            why_not = (*why_not, *notes)
            if not (table or classes or any("LabelMe" in note for note in choice.notes)):
                why_not = (*why_not, *about_annotations(self._source, ignored))
        split = None
        if table and self._tables_may_split:
            names = [self._names[i] for i in kept.tolist()]
            if found := choose_rows(self._name, table, names, self._choices.split):
                table, places, split = found
                kept = kept[places]
        source = self._source if len(kept) == len(self._names) else PartOfFiles(self._source, kept)
        labelling = (
            self._by_table(source.names, table, kept, split_name)
            if table
            else by_folder(source.names, class_in, self._names_image)
        )
        labelling = replace(
            labelling, notes=(*((split.note,) if split else ()), *labelling.notes, *choice.notes, *why_not)
        )
        labelling = self._with_names(labelling, np.setdiff1d(others, classes).tolist(), table.name if table else "")
        if table:
            labelling = named_after_folders(labelling, class_in)
        labelling = replace(
            labelling, notes=(*labelling.notes, *self._about_ignored(ignored, " ".join(labelling.notes)))
        )
        questions = ((split.question,) if split else ()) + ((question,) if question else ())
        table_at = next((i for i, each in tables.items() if choice.table and each.name == choice.table.name), None)
        decided = [*(question.chosen or "" for question in questions), "without documents" if ignored else ""]
        return LabelledFiles(source, labelling, questions, table_at, " ".join(filter(None, decided)))

    def _choose(
        self, tables: Mapping[int, Table], outside: Collection[int], images: int, folders: set[str | None]
    ) -> TableChoice:
        """The table that labels the images, if any.

        Args:
            tables: by position, from `_tables`.
            outside: positions of files that are in no split.
            images: how many there are.
            folders: that may be classes.
        """
        wanted = self._choices.labels if self._tables_may_label else ""
        if not tables and not wanted:
            return TableChoice(None, None)
        by_split = self._choices.split and self._tables_may_split and not wanted
        if by_split and (one := joined_by_split(without_templates(list(tables.values())))):
            return TableChoice(one, None)
        required = any(must_be_usable(table.name, folders) for i, table in tables.items() if i not in outside)
        rivals = len(folders) > 1 and not any(replaces_folders(table, images) for table in tables.values())
        named = listed(sorted(filter(None, folders)), 3) if rivals else ""
        shared = [table.name for i, table in tables.items() if i in outside]
        return choose_table(self._name, list(tables.values()), wanted, required, named, shared)

    def _class_files(
        self, positions: Sequence[int], images: np.ndarray, others: Sequence[str]
    ) -> tuple[list[int], LabelsTable | None, tuple[str, ...]]:
        """The small files that hold the classes of the images, and these; or why those beside images are not used.

        Args:
            images: (n,) bool, whether each file of the dataset is one of these images.
            others: the names of the images that may also have their class in a .json or .txt file.
        """
        if found := class_file_positions(self._names, positions, images):
            return found, read_class_files(self._source, found), ()
        found = other_class_files(self._names, positions, others)
        if not found:
            return [], None, ()
        try:
            return found, read_other_class_files(self._source, found), ()
        except DatasetError as error:
            return [], None, (error.message,)

    def _by_names(
        self, images: Sequence[str], folders: Sequence[str]
    ) -> tuple[LabelsTable | None, Question | None, tuple[str, ...]]:
        """The labels in the names of the images, if the user wants these; else the question whether they are."""
        labels = labels_in_names(images)
        wanted = self._choices.labels == FILE_NAMES
        if not labels:
            if wanted:
                with_labels = self._splits_with_labels_in_names() if self._splits else []
                instead = ("Choose ", Choice("split", with_labels[0]), ", or leave") if with_labels else ("Leave",)
                raise DatasetError(
                    f"The names of the images of {self._name} do not all begin with a label and end in a number, such as "
                    "cat.0.jpg.", Advice(*instead, " out ", Choice("labels", FILE_NAMES), "."), "choice",
                )  # fmt: skip
            return None, None, ()
        question = ask_for_names(self._name, labels, folders, self._choices.labels)
        if wanted:
            return LabelsTable("the file names", tuple(images), tuple(labels)), question, ()
        if self._choices.labels:
            return None, question, ()
        note = f"The file names may be labels, but are not used as such: {in_words(labels)}. "
        return None, question, (f"{note}To use them, choose `{FILE_NAMES}` as the labels.",)

    def _splits_with_labels_in_names(self) -> list[str]:
        assert self._splits is not None
        images = {s: positions[self._is_image[positions]].tolist() for s, positions in self._splits.positions.items()}
        return [split for split, each in images.items() if labels_in_names([self._names[i] for i in each])]

    def _about_ignored(self, positions: list[int], told: str) -> tuple[str, ...]:
        """The note on files that are not counted, except those that the notes already name."""
        names = [name for i in positions if (name := self._names[i]) not in told]
        if not names:
            return ()
        what = "1 file that is not an image is" if len(names) == 1 else f"{len(names):,} files that are not images are"
        return (f"{what} ignored: {listed(names)}.",)

    def _tables(
        self, positions: list[int], image_names: Sequence[str], folders: set[str | None], split_name: str
    ) -> dict[int, Table]:
        """The tables that may hold the labels, by position; all tables, if the user has named one."""
        if not positions:
            return {}
        found = table_positions(self._names, positions, image_names)
        if not found and len(folders) < 2:  # beside class folders, they may be anything
            found = foreign_tables(self._names, positions)
        if not self._choices.labels:
            found = likely_first(self._names, found)
        if self._choices.labels:
            wanted = named_among(self._names, found, self._choices.labels)
            found = [*wanted, *(i for i in found if i not in wanted)]  # there is room at least for what the user named
        tables = read_tables(self._source, found, image_names)
        unmatched = [i for i, table in tables.items() if not table.matched]
        names_of_classes = {each.file for each in find_class_maps(self._source, unmatched) if not each.fault}
        tables = {i: table for i, table in tables.items() if table.name not in names_of_classes}
        tables = {i: self._unless_for_another_split(i, table, image_names, split_name) for i, table in tables.items()}
        count = len(image_names)
        if (
            len(folders) > 1
            and not self._choices.labels
            and not any(replaces_folders(t, count) for t in tables.values())
        ):
            return rivals_of_folders(tables, count, folders, self._tables_may_split)
        return tables

    def _unless_for_another_split(self, position: int, table: Table, images: Sequence[str], split_name: str) -> Table:
        """The table, with a fault if it lies outside all splits, is called like another one, and its rows fit images of both."""
        owner = self._split_of_table(table.name)
        if not self._splits or not table.content or owner in (None, split_name) or not split_name:
            return table
        if position not in self._splits.outside:
            return table
        theirs = self._splits.positions[owner]
        find, find_theirs = Finder(images), Finder([self._names[i] for i in theirs[self._is_image[theirs]].tolist()])
        folder = folder_of(table.name)
        if not any(len(find(file, folder)) and len(find_theirs(file, folder)) for file in table.content.files):
            return table
        why = f"{table.name} is not used for the {self._splits.noun} {split_name}: it is called like {owner}."
        return replace(table, matched=0, labelled=0, fault=DatasetError(why, code="labels_file"))

    def _split_of_table(self, name: str) -> str | None:
        return split_named_in(file_stem(name), self._splits.positions) if self._splits else None

    def _by_table(self, names: Sequence[str], table: LabelsTable, kept: np.ndarray, split_name: str) -> Labelling:
        """Labels files by a table. Rows for images of other splits are passed over."""
        elsewhere: list[str] = []
        if self._splits:
            others = self._is_image.copy()
            others[kept] = False
            elsewhere = [self._names[i] for i in np.flatnonzero(others).tolist()]
        try:
            own_first = (
                self._choices.split not in ("", ALL_SPLITS) or self._split_of_table(table.name) == split_name != ""
            )
            return by_labels_file(names, table, elsewhere, self._names_image, own_first)
        except DatasetError:
            if not (self._splits and self._given):
                raise
            return Labelling(SampleList(names, [None] * len(names)))  # the labels are for another split

    def _with_names(self, labelling: Labelling, positions: list[int], table: str) -> Labelling:
        """Gives numeric labels the names in a file such as class_indices.json, if there is one.

        Args:
            table: the name of the table of labels, which may have the names too, but need not; "" if there is none.
        """
        samples = labelling.samples
        if not samples.labels or not all(label.lstrip("-").isdecimal() for label in samples.labels):
            return labelling
        maps = [each for each in find_class_maps(self._source, positions) if not (each.fault and each.file == table)]
        names, notes = names_of_numbers(samples.labels, maps)
        return replace(labelling, samples=samples.renamed(names), notes=(*labelling.notes, *notes))


def _any_label(files: LabelledFiles) -> bool:
    samples = files.labelling.samples
    return len(samples.unlabelled) < len(samples)
