"""The datasets that users can choose on this server: those in its folder of datasets, CIFAR-10 and the sample images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dashboard.core.datasets import cifar10_archive
from dashboard.core.datasets.formats import FORMATS
from dashboard.core.files import readable_name
from dashboard.core.settings import Settings

_SUFFIXES = tuple(suffix for each in FORMATS if each.in_library for suffix in each.suffixes)


@dataclass(frozen=True)
class LibraryEntry:
    """A dataset that users can choose."""

    title: str
    path: Path


def library(settings: Settings) -> list[LibraryEntry]:
    """The datasets that exist now, those in the folder of datasets first."""
    others = []
    archive = settings.downloads_dir / cifar10_archive.FILE_NAME
    # not `Path.is_file`, which raises PermissionError if the folder cannot be entered
    if os.path.isfile(archive):  # noqa: PTH113
        others.append(LibraryEntry("CIFAR-10 test set", archive))
    if settings.samples_dir.is_dir():
        others.append(LibraryEntry("Sample images", settings.samples_dir))
    taken = {entry.title for entry in others}
    own = []
    for path in _own_datasets(settings.datasets_dir):
        title = readable_name(path.name)
        own.append(LibraryEntry(f"{title} (folder datasets)" if title in taken else title, path))
    return own + others


def _own_datasets(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if _is_dataset(entry)]
    except OSError:  # the Diagnostics page reports what is wrong with the data folder
        return []
    return sorted(Path(entry.path) for entry in found)


def _is_dataset(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() or entry.name.lower().endswith(_SUFFIXES)
    except OSError:  # a link whose target cannot be examined
        return False
