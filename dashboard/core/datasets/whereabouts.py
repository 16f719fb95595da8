"""Where a dataset lies: whether it is still there, and where it is after the data folder was moved."""

from __future__ import annotations

import contextlib
from pathlib import Path

from dashboard.core.datasets.folder_files import is_pattern, pattern_root

_WITH_DATASETS = ("uploads", "described", "datasets", "downloads", "samples")  # in the data folder, see `Settings`


def is_there(path: Path) -> bool:
    """True if the dataset still exists, and its folder may be looked into. A pattern exists as long as its folder does."""
    with contextlib.suppress(OSError):
        return path.exists() or (is_pattern(path) and pattern_root(path).is_dir())
    return False


def moved_along(path: Path, data_dir: Path) -> Path:
    """Where a dataset lies now that a record in the data folder names by its absolute path of then.

    If nothing is at the path any more, but its end, such as uploads/0123456789abcdef/photos.zip, leads to something in
    the data folder, then the folder was moved, restored or mounted under another path, and that is the dataset.
    """
    for place, part in enumerate(path.parts):
        if part in _WITH_DATASETS:
            here = data_dir.joinpath(*path.parts[place:])
            if here == path:
                break
            # first inside the data folder: the old path may lie on a network disk that does not answer
            if is_there(here) and not is_there(path):
                return here.resolve()
    return path
