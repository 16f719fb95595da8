"""Labelled pictures to try a model on: those that come with the dashboard, and those that were given with a model."""

from __future__ import annotations

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote, unquote

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.choices import ALL_SPLITS, Choices
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.files import folders_in, is_reserved, read_whole, readable_name
from dashboard.core.images.file_size import MAX_FILE_BYTES
from dashboard.core.models.self_test import LabelledFile
from dashboard.core.questions import UndecidedError

MOST = 100  # pictures that a model is tried on
_KEPT = "samples"  # the folder in models/NAME/VERSION


def read_samples(folder: Path) -> list[LabelledFile]:
    """The images `folder`/CLASS/*.png that can be read, in a fixed order; empty if there are none."""
    found = []
    for path in sorted(path for each in folders_in(folder) for path in each.glob("*.png")):
        with contextlib.suppress(OSError):  # Predict says which one it is
            found.append(LabelledFile(readable_name(path.parent.name), read_whole(path, MAX_FILE_BYTES), folder))
    return found


def labelled_samples(path: Path) -> list[LabelledFile]:
    """Up to 100 labelled images of the dataset at `path`, as many of each label as possible.

    Raises:
        DatasetError: the dataset cannot be read, or it has no labels.
    """
    dataset = _opened(path)
    by_label: dict[str, list[int]] = defaultdict(list)
    for sample in dataset.samples:
        if sample.label is not None and len(by_label[sample.label]) < MOST:
            by_label[sample.label].append(sample.index)
    rounds = zip_longest(*(by_label[label] for label in sorted(by_label)))
    chosen = [index for each in rounds for index in each if index is not None][:MOST]
    found = []
    for index in sorted(chosen):
        try:
            found.append(LabelledFile(str(dataset.samples[index].label), dataset.file(index), path))
        except ImageError:
            continue
    if not found:
        raise DatasetError(
            f"{path.name} has no labelled pictures.", "Use one folder per class: cat/1.png, dog/1.png ...", "no_images"
        )
    return found


def _opened(path: Path) -> Dataset:
    try:
        try:
            return open_dataset(path)
        except UndecidedError as error:
            if error.question.topic != "split":
                raise
            return open_dataset(path, Choices(split=ALL_SPLITS))
    except UndecidedError as error:  # its advice is for commands with options such as --labels
        raise DatasetError(
            f"{path.name} can be read in more than one way: {error.message}",
            "Give a folder that holds one folder per class: cat/1.png, dog/1.png ...", error.code,
        ) from error  # fmt: skip


def keep_samples(folder: Path, samples: Sequence[LabelledFile]) -> None:
    """Stores the samples of a model in its folder, so that diagnostics can use them."""
    labels = {sample.label for sample in samples}
    for number, sample in enumerate(samples):
        path = folder / _KEPT / _quoted(sample.label, labels) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample.data)


def _quoted(label: str, labels: Collection[str]) -> str:
    """The label as the name of a folder, different for each label also where capital letters make no difference."""
    if is_reserved(label) or sum(each.casefold() == label.casefold() for each in labels) > 1:
        return "".join(f"%{byte:02X}" for byte in label.encode())
    return quote(label, safe="").replace(".", "%2E")


def kept_samples(folder: Path) -> list[LabelledFile]:
    """The samples that were stored with a model; empty if there are none."""
    files = sorted((folder / _KEPT).glob("*/*"), key=lambda path: int(path.name) if path.name.isdecimal() else 0)
    return [LabelledFile(unquote(path.parent.name), path.read_bytes(), folder / _KEPT) for path in files]


def copy_samples(source: Path, target: Path) -> None:
    """Copies the samples of one model folder, if it has any, into another. Raises OSError."""
    if (source / _KEPT).is_dir():
        shutil.copytree(source / _KEPT, target / _KEPT)
