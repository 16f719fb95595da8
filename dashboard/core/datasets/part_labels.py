"""Labels a part of the files of a dataset: by a table, by a small file beside each image, by names, or by folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dashboard.core.datasets.choices import ALL_SPLITS, FILE_NAMES, FOLDERS, NO_SPLITS, Choices
from dashboard.core.datasets.class_files import (
    annotations_elsewhere,
    class_file_positions,
    other_class_files,
    read_annotations,
    read_class_files,
    read_other_class_files,
)
from dashboard.core.datasets.class_map import find_class_maps, names_of_numbers
from dashboard.core.datasets.dataset_parts import DatasetFiles, Part
from dashboard.core.datasets.file_names import suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.foreign_annotations import about_annotations, about_texts, hold_boxes
from dashboard.core.datasets.foreign_formats import about_workbooks
from dashboard.core.datasets.labelling import (
    Labelling,
    by_folder,
    by_labels_file,
    is_document,
    named_after_folders,
    named_as_images,
)
from dashboard.core.datasets.labels_file import TEXT_SUFFIX
from dashboard.core.datasets.name_labels import ask_for_names, in_words, labels_in_names
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.datasets.part_files import PartOfFiles
from dashboard.core.datasets.part_tables import PartTables
from dashboard.core.datasets.sample_list import SampleList
from dashboard.core.datasets.split_names import WORD, split_called
from dashboard.core.datasets.splits import COPY, Splits
from dashboard.core.datasets.table_choice import TableChoice
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.datasets.table_splits import choose_rows
from dashboard.core.errors import Advice, Choice, DatasetError, listed
from dashboard.core.questions import Question

_LISTS = (".txt", ".json", ".lst", ".list", ".csv", ".tsv")


@dataclass(frozen=True)
class LabelledFiles:
    """The files that are evaluated, with their labels."""

    source: FileSource
    labelling: Labelling
    questions: tuple[Question, ...] = ()
    table_at: int | None = None  # position of the table of labels among all files
    decided: str = ""  # what tells this reading of the files from others, for the fingerprint; "" if there is only one


@dataclass(frozen=True)
class FilesBeside:
    """The small files beside images that hold their classes."""

    positions: Sequence[int] = ()  # of the files that are used
    table: LabelsTable | None = None  # what they say
    notes: tuple[str, ...] = ()  # why files beside images are not used


class PartLabels:
    """Labels parts of the files of one dataset."""

    def __init__(
        self,
        dataset_name: str,
        files: DatasetFiles,
        splits: Splits | None,
        choices: Choices,
        given: LabelsTable | None,
        use_tables: bool,
    ) -> None:
        """Takes the files with the splits among them.

        Args:
            given: labels from elsewhere. The tables among the files are then not used.
            use_tables: False: only folders give labels.
        """
        self._name, self._files, self._splits, self._choices = dataset_name, files, splits, choices
        self._source, self._names, self._is_image = files.source, files.names, files.is_image
        self._given, self._use_tables = given, use_tables and given is None
        self._tables_may_label = self._use_tables and choices.labels != FILE_NAMES
        self._tables_may_split = splits is None and choices.split != NO_SPLITS
        self._tables = PartTables(dataset_name, files, splits, choices)

    def of(self, positions: np.ndarray, split_name: str = "") -> LabelledFiles:
        """Labels the files at these positions by a table among them or outside all splits, else by their folders.

        Args:
            split_name: the split that they are, if they are one.
        """
        part = self._files.part(positions, split_name, self._splits)
        tables = self._tables.among(part) if self._tables_may_label else {}
        choice = self._tables.choose(tables, part) if self._tables_may_label else TableChoice(None, None)
        table = self._given or (choice.table and choice.table.content)
        question, notes = choice.question, choice.notes
        not_wanted = choice.question and self._choices.labels == FOLDERS
        without_table = self._use_tables and not choice.table and not not_wanted
        by_folders = len(part.folders) > 1 and self._tables_may_label
        beside = FilesBeside()
        if without_table and self._tables_may_label:
            beside = self._files_beside(part, by_folders)
            table, notes = table or beside.table, (*notes, *beside.notes)
        used = [*(tables if choice.table else ()), *beside.positions]
        kept, ignored = self._without_documents(np.setdiff1d(positions, used), part)
        if without_table and not by_folders and not table:
            table, question, why_not = self._by_names(part.image_names, sorted(filter(None, part.folders)))
            notes = (*notes, *why_not)
            if not (table or beside.positions or any("LabelMe" in note for note in choice.notes)):
                notes = (*notes, *about_annotations(self._source, sorted({*ignored, *part.outside})))
        elif without_table and by_folders and not table:
            notes = (*notes, *about_texts(self._source, ignored, part.image_names))
        if self._use_tables and not table and not self._choices.labels:
            notes = (*notes, *about_workbooks([self._names[i] for i in ignored]))
        if table and (named := named_as_images(self._names, ignored, table)):
            kept, ignored = np.union1d(kept, named), [i for i in ignored if i not in named]
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
            else by_folder(source.names, part.class_in, self._files.names_image)
        )
        labelling = replace(labelling, notes=(*((split.note,) if split else ()), *labelling.notes, *notes))
        labelling = self._with_names(
            labelling, np.setdiff1d(part.others, beside.positions).tolist(), table.name if table else ""
        )
        if table:
            labelling = named_after_folders(labelling, part.class_in)
        labelling = replace(
            labelling, notes=(*labelling.notes, *self._about_ignored(ignored, " ".join(labelling.notes)))
        )
        about_column = table.question if table else None
        asked = (split.question if split else None, question, about_column)
        questions = tuple(each for each in asked if each)
        if not (self._splits or split):
            labelling = replace(labelling, notes=(*labelling.notes, *self._about_lists_of_splits(ignored)))
        table_at = next((i for i, each in tables.items() if choice.table and each.name == choice.table.name), None)
        decided = [*(question.chosen or "" for question in questions), "without documents" if ignored else ""]
        return LabelledFiles(source, labelling, questions, table_at, " ".join(filter(None, decided)))

    def _without_documents(self, positions: np.ndarray, part: Part) -> tuple[np.ndarray, list[int]]:
        """The files at these positions that are counted, and those that are not, such as readme.txt."""
        no_images = positions[~self._is_image[positions]].tolist()
        stems: set[str] = set()
        if not all(suffix_of(self._names[i]) for i in no_images):
            stems = {name.rpartition("/")[2].rpartition(".")[0] for name in part.image_names}
        tables = self._tables.by_first_line
        ignored = [i for i in no_images if i in tables or is_document(self._names[i], stems)]
        return np.setdiff1d(positions, ignored), ignored

    def _files_beside(self, part: Part, by_folders: bool) -> FilesBeside:
        """The small files beside the images of a part that hold their classes; or why they are not used.

        Args:
            by_folders: True: the folders of the images are classes. Then only files with the suffix `.cls` count.
        """
        positions = part.positions.tolist()
        if found := class_file_positions(self._names, positions, part.images):
            return FilesBeside(found, read_class_files(self._source, found))
        found = other_class_files(self._names, positions, [] if by_folders else part.image_names)
        if hold_boxes(self._source, found):  # `about_annotations` tells them
            found = []
        elsewhere: dict[int, str] = {}
        if not found and not by_folders:
            others = part.others.tolist()
            elsewhere = annotations_elsewhere(self._names, others, part.image_names)
            elsewhere = elsewhere or annotations_elsewhere(self._names, others, part.image_names, ".txt")
            if hold_boxes(self._source, [*elsewhere]):
                elsewhere = {}
        try:
            if found:
                return FilesBeside(found, read_other_class_files(self._source, found))
            return FilesBeside([*elsewhere], read_annotations(self._source, elsewhere)) if elsewhere else FilesBeside()
        except DatasetError as error:
            return FilesBeside(notes=(error.message,))

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

    def _about_lists_of_splits(self, ignored: Sequence[int]) -> tuple[str, ...]:
        """The note on ignored files that are called like splits, such as train.txt; nothing if there are none."""
        names = [self._names[i] for i in ignored if suffix_of(self._names[i]) in _LISTS]
        splits_in = {name: {split_called(word) for word in WORD.findall(file_stem(name))} - {None} for name in names}
        lists = [name for name, splits in splits_in.items() if splits]
        if not any("train" in splits for splits in splits_in.values()):  # else all images may well be for testing
            return ()
        return (
            f"By {'its name' if len(lists) == 1 else 'their names'}, {listed(lists, 4)} may list the images for training or "
            "testing. Such lists are not read, so all images are used. To evaluate only the test images, put them into a "
            "folder called test, and the others into one called train.",
        )

    def _about_ignored(self, positions: list[int], told: str) -> tuple[str, ...]:
        """The note on files that are not counted, except those that the notes already name."""
        names = [name for i in positions if (name := self._names[i]) not in told]
        if not names:
            return ()
        what = "1 file that is not an image is" if len(names) == 1 else f"{len(names):,} files that are not images are"
        return (f"{what} ignored: {listed(names)}.",)

    def _by_table(self, names: Sequence[str], table: LabelsTable, kept: np.ndarray, split_name: str) -> Labelling:
        """Labels files by a table. Rows for images of other splits are passed over."""
        elsewhere: list[str] = []
        if self._splits:
            others = self._is_image.copy()
            others[kept] = False
            elsewhere = [self._names[i] for i in np.flatnonzero(others).tolist()]
        try:
            own_first = (
                self._choices.split not in ("", ALL_SPLITS)
                or self._tables.split_of(table.name) == split_name != ""
                or (self._splits is not None and self._splits.noun == COPY)
            )
            return by_labels_file(names, table, elsewhere, self._files.names_image, own_first)
        except DatasetError:
            if not (self._splits and self._given):
                raise
            return Labelling(SampleList(names, [None] * len(names)))  # the labels are for another split

    def _with_names(self, labelling: Labelling, positions: list[int], table: str) -> Labelling:
        """Gives numeric labels the names in a file such as class_indices.json, if there is one.

        Args:
            table: the name of the table of labels, which may have the names too, but need not; "" if there is none. A .txt
                has none, as each of its lines would be a name.
        """
        samples = labelling.samples
        if not samples.labels or not all(label.lstrip("-").isdecimal() for label in samples.labels):
            return labelling
        maps = [
            each
            for each in find_class_maps(self._source, positions)
            if each.file != table or not (each.fault or table.lower().endswith(TEXT_SUFFIX))
        ]
        names, notes = names_of_numbers(samples.labels, maps)
        return replace(labelling, samples=samples.renamed(names), notes=(*labelling.notes, *notes))
