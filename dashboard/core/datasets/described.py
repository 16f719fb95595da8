"""A dataset whose images and labels are named by a small file: {"images": "photos.zip", "labels": "truth.csv"}.

The file also keeps what the user has chosen, such as {"images": "data", "split": "val"}. It gives such a dataset one
path, so that jobs, workers and galleries open it like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dashboard.core.datasets.arrays import read_labels
from dashboard.core.datasets.attributes import Attributes
from dashboard.core.datasets.choices import NO_SPLITS, NOTHING_CHOSEN, Choices
from dashboard.core.datasets.contract import Dataset
from dashboard.core.datasets.folder_files import check_path
from dashboard.core.datasets.idx import open_idx
from dashboard.core.datasets.idx_names import is_idx_name
from dashboard.core.datasets.image_files import ImageFiles, joint_fingerprint
from dashboard.core.datasets.labelling import Labelling, by_labels_file, in_order
from dashboard.core.datasets.labels_elsewhere import is_elsewhere, read_labels_elsewhere
from dashboard.core.datasets.npy import open_npy
from dashboard.core.datasets.sample_list import NumberedNames, PackedNames
from dashboard.core.datasets.split_choice import no_splits
from dashboard.core.datasets.table_splits import choose_rows
from dashboard.core.datasets.whereabouts import moved_along
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.files import how_to_write_again, read_whole, sha256_of, write_json
from dashboard.core.images.decoding import DecodedImage
from dashboard.core.parsing import parse_json, parsing

SUFFIX = ".dataset.json"
_NAME_BYTES = 100  # of each of two names, since a file name has at most 255 bytes


def describe(images: Path, choices: Choices, folder: Path) -> Path:
    """The path under which a dataset is opened with these choices: `images` itself if nothing is chosen.

    Otherwise, writes a description of the dataset into `folder`. Raises DatasetError.
    """
    if not choices:
        return images.absolute()
    if images.name.endswith(SUFFIX):
        described = read_description(images)
        images, before = described.images, described.choices
        choices = before.replaced_by(choices)
    if is_elsewhere(choices.labels) and not Path(choices.labels).exists():
        raise DatasetError(f"{choices.labels} does not exist.", "Check the path.", "not_found")
    for path in (images, Path(choices.labels)):
        check_path(path)
    record = {"images": str(images.absolute())} | _record_of(choices)
    digest = hashlib.sha256(json.dumps(record).encode()).hexdigest()[:16]
    target = folder / digest / f"{_title(images.name, choices)}{SUFFIX}"
    try:
        write_json(target, record)
    except OSError as error:
        raise DatasetError(
            f"{target} cannot be written: {error.strerror}.", f"{how_to_write_again(error)}.", "description"
        ) from error
    return target


def _record_of(choices: Choices) -> dict[str, str]:
    record = {}
    if choices.labels:
        record["labels" if is_elsewhere(choices.labels) else "table"] = choices.labels
    if choices.split:
        record["split"] = choices.split
    if choices.zip_encoding:
        record["zip_encoding"] = choices.zip_encoding
    if choices.label_column:
        record["label_column"] = choices.label_column
    return record


def _title(images: str, choices: Choices) -> str:
    """The name of a described dataset for people."""
    title = _shortened(images)
    if choices.labels:
        title += f" with {_shortened(Path(choices.labels).name)}"
    return title + (f", {choices.split}" if choices.split.isalpha() else "")


def _shortened(name: str) -> str:
    return name.encode()[:_NAME_BYTES].decode(errors="ignore")


@dataclass(frozen=True)
class Description:
    """The content of a description."""

    images: Path
    choices: Choices

    @property
    def files(self) -> tuple[Path, ...]:
        """The images and the labels file if it lies elsewhere."""
        labels = self.choices.labels
        return (self.images, Path(labels)) if is_elsewhere(labels) else (self.images,)


def read_description(path: Path) -> Description:
    """Reads a description. Raises DatasetError."""
    with parsing(
        lambda _: DatasetError(
            f"{path.name} is not a valid description of a dataset.",
            'Write {"images": "photos.zip", "labels": "truth.csv"}.',
            "description",
        )
    ):
        record = parse_json(read_whole(path).decode("utf-8-sig"))
        values = [record.get(key, "") for key in ("labels", "table", "split", "zip_encoding", "label_column")]
        if not all(isinstance(value, str) and "\0" not in value for value in (*values, record["images"])):
            raise ValueError("a value is not a text")
        "".join((*values, record["images"])).encode()  # raises for half characters
        labels, table, split, zip_encoding, label_column = values
        data_dir = path.absolute().parent.parent.parent  # if `describe` wrote it
        images = moved_along(path.parent / record["images"], data_dir)
        if images.name.endswith(SUFFIX):
            raise ValueError("its images are another description")
        if labels:
            table = str(moved_along((path.parent / labels).absolute(), data_dir))
        choices = Choices(table, split, zip_encoding, label_column)
        if not choices:
            raise ValueError("it says no more than the images")
    return Description(images, choices)


class DescribedDataset:
    """See `Dataset`."""

    def __init__(
        self, path: Path, open_images: Callable[[Path, Choices], Dataset], others: Choices = NOTHING_CHOSEN
    ) -> None:
        """Raises DatasetError when the images or the labels cannot be used, or do not belong together.

        Args:
            open_images: opens the dataset at a path without its own labels file.
            others: choices that replace those in the description.
        """
        self.path = path
        description = read_description(path)
        choices = description.choices.replaced_by(others)
        self._labels = Path(choices.labels) if is_elsewhere(choices.labels) else None
        self._images = open_images(description.images, choices)
        self.samples, self.notes, self.questions = self._images.samples, self._images.notes, self._images.questions
        self._attributes = self._images.attributes
        self._faults: dict[int, ImageError] = {}
        self._split = ""  # the one in use, if the labels tell several
        self._places = np.arange(len(self.samples))  # of the images in use
        if self._labels and not isinstance(self._images, ImageFiles):  # which use the labels themselves
            labelling = self._labelling(self._labels, self._images.samples.names, choices.split, choices.label_column)
            self.samples, self._faults = labelling.samples, labelling.faults
            self.notes, self._attributes = labelling.notes, labelling.attributes
        if choices.split not in ("", NO_SPLITS) and all(each.topic != "split" for each in self.questions):
            raise no_splits(description.images.name, choices.split)

    def _labelling(self, labels: Path, names: Sequence[str], split: str, column: str) -> Labelling:
        is_array = labels.suffix.lower() == ".npy" or is_idx_name(labels.name)
        if is_array and isinstance(names, NumberedNames):
            array = open_idx(labels) if is_idx_name(labels.name) else open_npy(labels)
            return in_order(names, labels.name, read_labels(array, len(names)))
        table = read_labels_elsewhere(labels, names, column)
        found = (
            choose_rows(self._images.path.name, table, names, split)
            if split != NO_SPLITS and not self.questions
            else None
        )
        about_column = (table.question,) if table.question else ()
        if found is None:
            self.questions = (*self.questions, *about_column)
            return by_labels_file(names, table)
        table, self._places, choice = found
        self.questions, self._split = (choice.question, *about_column), choice.question.chosen or ""
        labelling = by_labels_file(PackedNames(names[i] for i in self._places.tolist()), table)
        return replace(labelling, notes=(choice.note, *labelling.notes))

    @property
    def fingerprint(self) -> str:
        """Hex digest of the images and the labels, and the split if these tell several."""
        images = self._images.fingerprint
        labels = [sha256_of(self._labels), *filter(None, [self._split])] if self._labels else []
        return joint_fingerprint(images, *labels) if labels else images

    def attributes(self) -> Attributes | None:
        """See `Dataset`."""
        return self._attributes()

    def file(self, index: int) -> bytes:
        """See `Dataset`."""
        if index in self._faults:
            raise self._faults[index]
        return self._images.file(int(self._places[index]))

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return self.decoded(index, shrink_to).pixels

    def decoded(self, index: int, shrink_to: tuple[int, int] | None = None) -> DecodedImage:
        """See `Dataset`."""
        if index in self._faults:
            raise self._faults[index]
        return self._images.decoded(int(self._places[index]), shrink_to)
