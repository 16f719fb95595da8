"""A dataset in several files of one format. Of several splits, one is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dashboard.core.datasets.choices import NO_SPLITS, Choices
from dashboard.core.datasets.contract import Dataset
from dashboard.core.datasets.formats import DataFiles, Format
from dashboard.core.datasets.split_choice import Split, choose_split
from dashboard.core.datasets.splits import shards_by_split
from dashboard.core.errors import listed


def open_shards(
    kind: Format,
    path: Path,
    root: Path,
    shards: Sequence[str],
    choices: Choices,
    open_images: Callable[[Path, Choices], Dataset],
) -> Dataset:
    """Opens the shards of the chosen split as one dataset.

    Args:
        path: the dataset, for other processes to open it again.
        shards: the files of all splits, relative to `root`.

    Raises:
        UndecidedError: the user has to choose a split.
        DatasetError: there is no such split, or a file cannot be read.
    """
    by_split = shards_by_split(shards)
    loose = by_split.pop("", [])
    if len(by_split) < 2 or choices.split == NO_SPLITS:
        return kind.open(DataFiles(path, tuple(root / name for name in shards), open_images))
    splits = [Split(name, tuple(files), len(files), "file") for name, files in by_split.items()]
    choice = choose_split(path.name, splits, choices.split, lambda _: True)
    files = [name for split in choice.splits for name in by_split[split]]
    dataset = kind.open(DataFiles(path, tuple(root / name for name in files), open_images))
    others = (f"Files of no split are not used: {listed(loose, 4)}.",) if loose else ()
    dataset.notes = (choice.note, *others, *dataset.notes)
    dataset.questions = (choice.question,)
    return dataset
