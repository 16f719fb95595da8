"""Detects whether a dataset on disk has changed since it was opened."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from dashboard.core.datasets import arrays, idx
from dashboard.core.datasets.class_files import CLASS_SUFFIX
from dashboard.core.datasets.described import SUFFIX as DESCRIPTION
from dashboard.core.datasets.described import read_description
from dashboard.core.datasets.folder_files import is_pattern, pattern_root
from dashboard.core.datasets.formats import FORMATS
from dashboard.core.datasets.labels_file import LABELS_SUFFIXES
from dashboard.core.datasets.tables import MOST_TABLES
from dashboard.core.errors import DatasetError
from dashboard.core.labels.names_file import NAMES_SUFFIXES

_watched: dict[Path, tuple[tuple[str, ...], tuple[object, ...]]] = {}  # folder -> watched paths, their times and sizes

_MOST_WATCHED = 16
_WATCHED = LABELS_SUFFIXES | NAMES_SUFFIXES | {".md", CLASS_SUFFIX}  # README.md of Hugging Face may name the classes
_SHARD = re.compile("|".join(each.shards.pattern for each in FORMATS if each.shards), re.IGNORECASE)


def content_state(path: Path) -> tuple[object, ...]:
    """A value that changes when the samples may have changed. Raises DatasetError unless `path` is a file or a folder."""
    try:
        if is_pattern(path):
            return _folder_state(pattern_root(path))
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            return _folder_state(path)
        if not stat.S_ISREG(info.st_mode):  # a pipe without a writer would be waited for, and /dev/zero never ends
            raise DatasetError(
                f"{path} is a pipe or a device, not a file or a folder.", "Save its content as a file.", "unreadable"
            )
        labels = idx.labels_beside(path) or arrays.labels_beside(path)
        inner = read_description(path).files if path.name.endswith(DESCRIPTION) else (labels,) if labels else ()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(f"{path} does not exist.", "Check the path.", "not_found") from error
    return (info.st_mtime_ns, info.st_ctime_ns, info.st_size, *map(content_state, inner))


def _folder_state(folder: Path) -> tuple[object, ...]:
    """Times and sizes of all folders, labels and lists of names in a folder. A new or deleted file changes the time of its folder."""
    watched, state = _watched.get(folder, ((), ()))
    if not watched or _times(watched) != state:  # else no walk: a million files take a second
        watched = tuple(_folders_and_tables(folder))
        state = _times(watched)
        if len(_watched) >= _MOST_WATCHED:
            _watched.clear()
        _watched[folder] = (watched, state)
    return state


def _folders_and_tables(folder: Path) -> Iterator[str]:
    yield str(folder)
    for root, folders, files in os.walk(folder):
        yield from (f"{root}/{name}" for name in folders)  # even if it cannot be opened yet
        yield from (f"{root}/{name}" for name in files if _is_table(name.lower()))
        without_suffix = [name for name in files if "." not in name]
        if len(without_suffix) <= MOST_TABLES:  # else none of them is read as a table
            yield from (f"{root}/{name}" for name in without_suffix)


def _is_table(name: str) -> bool:
    return name[name.rfind(".") :] in _WATCHED or bool(_SHARD.search(name))


def _times(paths: Sequence[str]) -> tuple[object, ...]:
    """Time of the last change and size of each path; None for a path that no longer exists."""
    times: list[object] = []
    for path in paths:
        try:
            info = os.lstat(path)
            times.append((info.st_ctime_ns, info.st_size))  # a change of permissions counts too
        except OSError:
            times.append(None)
    return tuple(times)
