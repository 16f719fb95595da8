"""Reads a dataset of files: the split that is evaluated, or all files, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from dashboard.core.datasets.attributes import joined
from dashboard.core.datasets.choices import FILE_NAMES, NO_SPLITS, Choices
from dashboard.core.datasets.copies import find_copies, find_flat_copies, within_splits
from dashboard.core.datasets.dataset_parts import DatasetFiles
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelling import (
    IsImage,
    Labelling,
    by_labels_file,
)
from dashboard.core.datasets.masks import find_masks
from dashboard.core.datasets.part_files import JoinedFiles, PartOfFiles
from dashboard.core.datasets.part_labels import LabelledFiles, PartLabels
from dashboard.core.datasets.sample_list import PackedNames, SampleList
from dashboard.core.datasets.split_choice import Split, choose_split, no_splits
from dashboard.core.datasets.splits import COPY, Splits, find_splits
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.errors import DatasetError, listed
from dashboard.core.questions import UndecidedError


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
        self._name, self._choices, self._given = dataset_name, choices, given
        files = DatasetFiles.of(source, is_image)
        masks = find_masks(files.names, files.folders, files.is_image)
        self._masks = tuple(files.names[i] for i in masks.tolist())  # are not evaluated
        if len(masks):
            files = DatasetFiles.of(PartOfFiles(source, np.setdiff1d(np.arange(len(files.names)), masks)), is_image)
        self._files = files
        self._use_tables = use_tables
        self._splits = None if choices.split == NO_SPLITS else self._splits_or_copies()
        self._labels = PartLabels(dataset_name, files, self._splits, choices, given, use_tables)
        self._parts: dict[str, LabelledFiles] = {}

    def _splits_or_copies(self) -> Splits | None:
        files = self._files
        splits = find_splits(files.folders, files.is_image)
        copies = find_copies(files.source, files.folders, files.is_image)
        if splits and copies:
            return within_splits(splits, copies, files.names, files.is_image)
        if not splits and not copies:
            flat = find_flat_copies(files.source, files.folders, files.is_image)
            return flat if flat and self._has_tables_for_each(flat) else None
        return splits or copies

    def _has_tables_for_each(self, copies: Splits) -> bool:
        """True if tables label the images of each copy, so that their folders are no classes."""
        for copy, positions in copies.positions.items():
            chosen = replace(self._choices, split=copy)
            labels = PartLabels(self._name, self._files, copies, chosen, self._given, self._use_tables)
            try:
                read = labels.of(positions, copy)
            except UndecidedError:  # several tables can label it
                continue
            except DatasetError:
                return False
            if read.table_at is None and not (self._given and _any_label(read)):
                return False
        return True

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
            read = self._labels.of(np.arange(len(self._files.names)))
            if self._choices.split not in ("", NO_SPLITS) and all(each.topic != "split" for each in read.questions):
                raise no_splits(self._name, self._choices.split)
            return read
        sizes = [
            Split(name, self._splits.folders[name], int(self._files.is_image[positions].sum()), "image")
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
            by_labels_file(read.source.names, self._given, is_image=self._files.names_image)  # explains why no row fits
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
        loose = self._splits.outside[self._files.is_image[self._splits.outside]].tolist()
        names = listed([self._files.names[i] for i in loose[:4]])
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
            self._parts[split] = self._labels.of(self._splits.positions[split], split)
        return self._parts[split]

    def _pooled(self, splits: Sequence[str]) -> LabelledFiles:
        assert self._splits is not None
        together = np.sort(np.concatenate([self._splits.positions[split] for split in splits]))
        try:
            parts = [self._part(split) for split in splits]
        except DatasetError as error:
            if error.code != "labels_file" or not self._choices.labels or isinstance(error, UndecidedError):
                raise
            return self._labels.of(together)  # the table that the user named is for one of the splits
        alike = len({part.table_at for part in parts}) == 1  # one table for all
        outside = alike and parts[0].table_at not in self._splits.positions[splits[0]]
        of_each = self._splits.noun == COPY and parts[0].table_at is not None  # its rows may fit an image of each copy
        if outside and not of_each:
            return self._labels.of(together)
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
                    without_image=[
                        first + i for first, each in zip(firsts, samples, strict=False) for i in each.without_image
                    ],
                ),
                faults,
                tuple(dict.fromkeys(note for part in parts for note in part.labelling.notes)),
                lambda: joined([part.labelling.attributes() for part in parts], list(map(len, samples))),
            ),
            tuple(dict.fromkeys(question for part in parts for question in part.questions)),
            decided=" ".join(part.decided for part in parts),
        )


def _any_label(files: LabelledFiles) -> bool:
    samples = files.labelling.samples
    return len(samples.unlabelled) < len(samples)
