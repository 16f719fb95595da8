"""Opens a dataset of any kind. The content decides which format it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from dashboard.core.datasets.contract import Dataset, unreadable
from dashboard.core.datasets.folder_files import (
    FolderFiles,
    check_readable_name,
    files_below,
    files_matching,
    is_pattern,
    pattern_root,
)
from dashboard.core.datasets.formats import FORMATS, KINDS, DataFiles
from dashboard.core.datasets.image_files import ImageFiles
from dashboard.core.datasets.labelling import is_image_name
from dashboard.core.datasets.watched import content_state
from dashboard.core.errors import DatasetError, listed

_FIRST_BYTES = 16
_SPLIT = re.compile(r"(?<![a-z])(train|test|validation|valid|val|dev)(?![a-z])", re.IGNORECASE)
_MOST_OPEN = 8  # several evaluations take turns, and opening a large dataset takes seconds


def open_dataset(path: Path, use_labels_file: bool = True) -> Dataset:
    """Opens the dataset at `path`, which may be a pattern such as photos/**/*.jpg.

    Args:
        use_labels_file: whether one among the images gives them their labels.

    Raises:
        DatasetError: it does not exist, cannot be read, is damaged as a whole, or is of no known kind.
    """
    check_readable_name(path)
    path = path.resolve()
    try:
        return _open_cached(path, content_state(path), use_labels_file)
    except OSError as error:
        raise unreadable(path, error) from error


def is_there(path: Path) -> bool:
    """Whether a dataset, which may be a pattern, has not gone."""
    return path.exists() or (is_pattern(path) and pattern_root(path).is_dir())


@lru_cache(maxsize=_MOST_OPEN)
def _open_cached(path: Path, state: tuple[object, ...], use_labels_file: bool) -> Dataset:
    if is_pattern(path):
        root, names = pattern_root(path), files_matching(path)
        if not names:
            raise DatasetError(f"{path} means no file.", "Check the path; ** stands for any folders.", "not_found")
        return _open_files(path, root, names, use_labels_file)
    if path.is_dir():
        links: list[str] = []
        return _open_files(path, path, files_below(path, links), use_labels_file, links)
    return _open_file(path, use_labels_file)


def _open_files(path: Path, root: Path, names: list[str], use_labels_file: bool, links: Sequence[str] = ()) -> Dataset:
    """Images, or, where there are none, the shards of one dataset."""
    if not any(map(is_image_name, names)):
        for kind in FORMATS:
            if kind.shards and (shards := list(filter(kind.shards.search, names))):
                _refuse_several_splits(path, root, shards)
                return kind.open(DataFiles(path, tuple(root / name for name in shards), _open_images))
        if links:
            raise DatasetError(
                f"{path.name} holds no images, only symbolic links, which are not followed: {listed(sorted(links))}.",
                "Copy the files there.", "no_images",
            )  # fmt: skip
    files = ImageFiles(path, FolderFiles(root, names), use_labels_file)
    if links:
        files.notes = (*files.notes, f"Symbolic links are not followed: {listed(sorted(links))}.")
    return files


def _refuse_several_splits(path: Path, root: Path, shards: Sequence[str]) -> None:
    splits = dict(found for shard in shards if (found := _split_of(shard)))
    if len(splits) > 1:
        split = "test" if "test" in splits else min(splits)
        raise DatasetError(
            f"{path.name} holds more than one split: {', '.join(sorted(splits))}.",
            f"Give one of them: {root / splits[split]}", "several_splits",
        )  # fmt: skip


def _split_of(shard: str) -> tuple[str, str] | None:
    """What split a file belongs to, by its name or else its folders', and what stands for all of that split."""
    parts = shard.split("/")
    for depth in range(len(parts), 0, -1):
        if found := _SPLIT.search(parts[depth - 1]):
            is_file = depth == len(parts)
            last = f"{'*' if found.start() else ''}{found[0]}*" if is_file else parts[depth - 1]
            return found[0].lower(), "/".join((*parts[: depth - 1], last))
    return None


def _open_file(path: Path, use_labels_file: bool) -> Dataset:
    with path.open("rb") as file:
        data = DataFiles(path, (path,), _open_images, file.read(_FIRST_BYTES), use_labels_file)
    for kind in sorted(FORMATS, key=lambda each: each.sign):
        if kind.sniff(data):
            return kind.open(data)
    for kind in FORMATS:
        if kind.damaged and path.name.lower().endswith(kind.suffixes):
            raise kind.damaged(path.name)
    raise DatasetError(f"{path.name} is no dataset that is read here.", KINDS, "unknown_format")


def _open_images(path: Path) -> Dataset:
    """The images of a described dataset, whose labels are given by its description."""
    return open_dataset(path, use_labels_file=False)
