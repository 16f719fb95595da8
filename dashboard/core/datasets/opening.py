"""Opens a dataset of any format. The first bytes, the file name and the content decide which format it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from dashboard.core.datasets.arrays import NO_LABELS, ArrayImages
from dashboard.core.datasets.choices import NO_SPLITS, NOTHING_CHOSEN, Choices
from dashboard.core.datasets.class_map import give_names
from dashboard.core.datasets.contract import Dataset, unreadable
from dashboard.core.datasets.file_names import is_image_name, suffix_of
from dashboard.core.datasets.folder_files import (
    FolderFiles,
    check_path,
    files_below,
    files_matching,
    is_pattern,
    pattern_root,
    with_own_brackets,
)
from dashboard.core.datasets.formats import FORMATS, KINDS, DataFiles
from dashboard.core.datasets.image_files import ImageFiles
from dashboard.core.datasets.labels_elsewhere import is_elsewhere
from dashboard.core.datasets.labels_file import LABELS_SUFFIXES, TEXT_SUFFIX
from dashboard.core.datasets.other_datasets import why_no_dataset
from dashboard.core.datasets.parquet_images import ParquetImages
from dashboard.core.datasets.pixel_tables import HEAD_BYTES, PIXEL_TABLES, pixels_in_table
from dashboard.core.datasets.read_instead import if_predictions, read_instead
from dashboard.core.datasets.shards import open_shards
from dashboard.core.datasets.split_choice import no_splits
from dashboard.core.datasets.tables import is_likely
from dashboard.core.datasets.tfrecord_images import TFRecordImages
from dashboard.core.datasets.watched import content_state
from dashboard.core.errors import Advice, Choice, DatasetError, listed
from dashboard.core.questions import UndecidedError
from dashboard.core.shell import in_command

_FIRST_BYTES = 16
_LABELS_ALONE = (
    "If it holds the labels of images, put it into the folder or ZIP of these images, and give that instead."
)
_LABELS_BESIDE = LABELS_SUFFIXES | {TEXT_SUFFIX}
_MOST_OPEN = 8  # several evaluations may alternate, and opening a large dataset takes seconds


def open_dataset(path: Path, choices: Choices = NOTHING_CHOSEN, use_labels_file: bool = True) -> Dataset:
    """Opens the dataset at `path`, which may be a pattern such as photos/**/*.jpg.

    Args:
        choices: what the user has decided. Other processes do not know it: give them `describe(path, choices, ...)`.
        use_labels_file: False: ignore the tables of labels among the images. So they are if the labels lie elsewhere.

    Raises:
        UndecidedError: the user has to answer a question first.
        DatasetError: the dataset does not exist, cannot be read, is damaged as a whole, or has no known format; or it
            has no such choice.
    """
    check_path(path)
    path = path.resolve()
    try:
        state = content_state(path)
        if is_elsewhere(choices.labels):
            state += content_state(Path(choices.labels))
            use_labels_file = False
        return _open_cached(path, state, choices, use_labels_file)
    except OSError as error:
        raise unreadable(path, error) from error


@lru_cache(maxsize=_MOST_OPEN)
def _open_cached(path: Path, state: tuple[object, ...], choices: Choices, use_labels_file: bool) -> Dataset:
    try:
        dataset = _open(path, choices, use_labels_file)
    except UndecidedError:
        raise
    except DatasetError as error:
        if error.code == "labels_file" and choices.zip_encoding:
            raise _or_names_are_garbled(error, path.name, choices.zip_encoding) from error
        raise
    _check_used(dataset, path.name, choices)
    return dataset


def _or_names_are_garbled(error: DatasetError, name: str, encoding: str) -> DatasetError:
    """The error for a table in a ZIP whose names were read in an encoding that the user chose: garbled names fit no table."""
    otherwise = (
        " Or choose another encoding with ",
        Choice("zip_encoding"),
        f" if names in {name} are garbled in {encoding}.",
    )
    return DatasetError(error.message, Advice(error.advice, *otherwise), error.code)


def _check_used(dataset: Dataset, name: str, choices: Choices) -> None:
    """Raises DatasetError if the user chose something that the dataset does not ask: then it is not what it seems."""
    topics = {question.topic for question in dataset.questions}
    by_labels = is_elsewhere(choices.labels)  # a table elsewhere may tell the splits: whoever reads it checks that
    if choices.split not in ("", NO_SPLITS) and "split" not in topics and not by_labels:
        raise no_splits(name, choices.split)
    if choices.zip_encoding and "zip_encoding" not in topics:
        raise DatasetError(
            f"{name} needs no encoding: it has no names in an unknown one.",
            Advice("Leave out ", Choice("zip_encoding"), "."),
            "choice",
        )
    if choices.label_column and "label_column" not in topics and not by_labels:
        raise DatasetError(
            f"{name} has no table whose columns could be chosen, so {choices.label_column!r} is none of them.",
            Advice("Leave out ", Choice("label_column"), "."), "choice",
        )  # fmt: skip
    if choices.labels and not (is_elsewhere(choices.labels) or isinstance(dataset, ImageFiles)):
        raise DatasetError(
            f"{name} holds no tables, so {choices.labels} is not one of them.", "Check the path.", "choice"
        )


def _open(path: Path, choices: Choices, use_labels_file: bool) -> Dataset:
    if is_pattern(path):
        root, names = pattern_root(path), files_matching(path)
        if not names:
            fix = "Check the path; ** stands for any number of folders."
            if own := with_own_brackets(path):
                fix = (
                    f"In a pattern, [x] stands for the letter x. Write [[] where a name has [: {in_command(str(own))}."
                )
            raise DatasetError(f"No file matches {path}.", fix, "not_found")
        return _open_files(path, root, names, choices, use_labels_file)
    if path.is_dir():
        links: list[str] = []
        return _open_files(path, path, files_below(path, links), choices, use_labels_file, links)
    return _open_file(path, choices, use_labels_file)


def _open_files(
    path: Path, root: Path, names: list[str], choices: Choices, use_labels_file: bool, links: Sequence[str] = ()
) -> Dataset:
    """Opens the images, or, if there are none, the shards of one dataset."""
    if not any(map(is_image_name, names)):
        for kind in FORMATS:
            if kind.shards and (shards := list(filter(kind.shards.search, names))):
                dataset = open_shards(kind, path, root, shards, choices, open_dataset)
                if isinstance(dataset, (ArrayImages, ParquetImages, TFRecordImages)):
                    used = set(shards)
                    others = [i for i, name in enumerate(names) if name not in used]
                    give_names(dataset, FolderFiles(root, names), others, root)
                    if NO_LABELS in dataset.notes and use_labels_file and suffix_of(shards[0]) == ".npy":
                        dataset.notes += _about_labels_beside([names[i] for i in others])
                return dataset
        if links:
            raise DatasetError(
                f"{path.name} holds no images, only symbolic links, which are not followed: {listed(sorted(links))}.",
                "Copy the files into it.", "no_images",
            )  # fmt: skip
    files = ImageFiles(path, FolderFiles(root, names), choices, use_labels_file)
    if links:
        files.notes = (*files.notes, f"Symbolic links are not followed: {listed(sorted(links))}.")
    return files


def _about_labels_beside(names: Sequence[str]) -> tuple[str, ...]:
    """The note on files that may hold the labels of arrays, but are none; nothing if there are none."""
    found = [name for name in names if is_likely(name) and suffix_of(name) in _LABELS_BESIDE]
    if not found:
        return ()
    is_not, it = ("is not", "it holds") if len(found) == 1 else ("are not", "one of them holds")
    return (
        f"{listed(found)} {is_not} read, since the labels of arrays must be an array too. If {it} the labels, save these as "
        'labels.npy, in the order of the images: `numpy.save("labels.npy", labels)`.',
    )


def _open_file(path: Path, choices: Choices, use_labels_file: bool) -> Dataset:
    with path.open("rb") as file:
        data = DataFiles(path, (path,), open_dataset, file.read(_FIRST_BYTES), use_labels_file, choices)
    for kind in sorted(FORMATS, key=lambda each: each.sign):
        if kind.sniff(data):
            return kind.open(data)
    if reason := why_no_dataset(path):
        raise reason
    for kind in FORMATS:
        if kind.damaged and path.name.lower().endswith(kind.suffixes):
            raise kind.damaged(path.name)
    if path.name.lower().endswith(PIXEL_TABLES):
        with path.open("rb") as file:
            if fault := pixels_in_table(path.name, file.read(HEAD_BYTES)):
                raise DatasetError(fault.message, fault.advice, "unknown_format")
    kinds = f"{_LABELS_ALONE} {if_predictions()}" if path.suffix.lower() in LABELS_SUFFIXES else KINDS
    raise DatasetError(
        f"{path.name} is not a dataset of a supported format.", read_instead([path.name]) or kinds, "unknown_format"
    )
