"""Opens a dataset of any format. The first bytes, the file name and the content decide which format it is."""

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
_SPLIT = re.compile(r"(?<![a-z])(train|test|t10k|validation|valid|val|dev)(?![a-z])", re.IGNORECASE)
_MOST_OPEN = 8  # several evaluations may alternate, and opening a large dataset takes seconds


def open_dataset(path: Path, use_labels_file: bool = True) -> Dataset:
    """Opens the dataset at `path`, which may be a pattern such as photos/**/*.jpg.

    Args:
        use_labels_file: False: ignore a labels file among the images.

    Raises:
        DatasetError: the dataset does not exist, cannot be read, is damaged as a whole, or has no known format.
    """
    check_readable_name(path)
    path = path.resolve()
    try:
        return _open_cached(path, content_state(path), use_labels_file)
    except OSError as error:
        raise unreadable(path, error) from error


def is_there(path: Path) -> bool:
    """True if the dataset still exists. A pattern exists as long as its folder does."""
    return path.exists() or (is_pattern(path) and pattern_root(path).is_dir())


@lru_cache(maxsize=_MOST_OPEN)
def _open_cached(path: Path, state: tuple[object, ...], use_labels_file: bool) -> Dataset:
    if is_pattern(path):
        root, names = pattern_root(path), files_matching(path)
        if not names:
            raise DatasetError(
                f"No file matches {path}.", "Check the path; ** stands for any number of folders.", "not_found"
            )
        return _open_files(path, root, names, use_labels_file)
    if path.is_dir():
        links: list[str] = []
        return _open_files(path, path, files_below(path, links), use_labels_file, links)
    return _open_file(path, use_labels_file)


def _open_files(path: Path, root: Path, names: list[str], use_labels_file: bool, links: Sequence[str] = ()) -> Dataset:
    """Opens the images, or, if there are none, the shards of one dataset."""
    if not any(map(is_image_name, names)):
        for kind in FORMATS:
            if kind.shards and (shards := list(filter(kind.shards.search, names))):
                _refuse_several_splits(path, root, shards)
                return kind.open(DataFiles(path, tuple(root / name for name in shards), _open_images))
        if links:
            raise DatasetError(
                f"{path.name} holds no images, only symbolic links, which are not followed: {listed(sorted(links))}.",
                "Copy the files into it.", "no_images",
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
    """The split in the name of a file, or else of a folder above it, and a path for all files of this split."""
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
    raise DatasetError(f"{path.name} is not a dataset of a supported format.", KINDS, "unknown_format")


def _open_images(path: Path) -> Dataset:
    """Opens the images of a described dataset without their own labels file: the description names the labels."""
    return open_dataset(path, use_labels_file=False)
