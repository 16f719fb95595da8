"""A dataset in several files of one format. Of several splits, one is opened."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dashboard.core.datasets.choices import NO_SPLITS, Choices
from dashboard.core.datasets.contract import Dataset
from dashboard.core.datasets.formats import DataFiles, Format
from dashboard.core.datasets.other_datasets import why_no_dataset
from dashboard.core.datasets.split_choice import Split, choose_split
from dashboard.core.datasets.split_names import shards_by_split
from dashboard.core.errors import DatasetError, listed

_NUMBERED = re.compile(r"(.*?)(\d{1,6})([-_]of[-_]\d{1,6})(\D.*)?")


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
        dataset = _opened(kind, DataFiles(path, tuple(root / name for name in shards), open_images, choices=choices))
        pooled = (
            f"Files of the split {next(iter(by_split), '')} and of no split are read together: {listed([*shards], 4)}."
        )
        dataset.notes = (
            *([pooled] if by_split and loose and kind.pools else []),
            *_about_missing(shards),
            *dataset.notes,
        )
        return dataset
    splits = _sizes(kind, root, by_split)
    choice = choose_split(path.name, splits, choices.split, lambda _: True, may_pool=kind.pools)
    files = [name for split in choice.splits for name in by_split[split]]
    others = replace(choices, split=NO_SPLITS)  # the files tell the split, so a column of splits does not
    dataset = _opened(kind, DataFiles(path, tuple(root / name for name in files), open_images, choices=others))
    unused = (f"Files of no split are not used: {listed(loose, 4)}.",) if loose else ()
    dataset.notes = (choice.note, *_about_missing(files), *unused, *dataset.notes)
    dataset.questions = (choice.question,)
    return dataset


def _opened(kind: Format, data: DataFiles) -> Dataset:
    try:
        return kind.open(data)
    except DatasetError:
        for file in data.files:
            if reason := why_no_dataset(file):
                raise reason from None
        raise


def _about_missing(shards: Sequence[str]) -> tuple[str, ...]:
    """What the user has to know if numbers such as 00001-of-00003 are missing in the names of the shards."""
    numbers: dict[tuple[str, str, str], dict[int, str]] = defaultdict(dict)
    for shard in shards:
        if found := _NUMBERED.fullmatch(shard):
            before, number, total, after = found.groups("")
            numbers[before, total, after][int(number)] = number
    notes = []
    for (before, total, after), present in numbers.items():
        count, width = int(total.lstrip("-of_")), len(next(iter(present.values())))
        first = 1 if count in present and 0 not in present else 0
        missing = [f"{before}{n:0{width}}{total}{after}" for n in range(first, first + count) if n not in present]
        if missing:
            are = "is" if len(missing) == 1 else "are"
            notes.append(f"{len(missing):,} of {count:,} shards {are} missing: {listed(missing, 4)}.")
    return tuple(notes)


def _sizes(kind: Format, root: Path, by_split: Mapping[str, Sequence[str]]) -> list[Split]:
    """The splits with their numbers of images, or of files if images are not quick to count."""
    if kind.count:
        with contextlib.suppress(OSError):  # whoever opens the damaged file will say so
            counts = {split: sum(kind.count(root / name) for name in names) for split, names in by_split.items()}
            return [Split(split, tuple(by_split[split]), count, "image") for split, count in counts.items()]
    return [Split(split, tuple(names), len(names), "file") for split, names in by_split.items()]
