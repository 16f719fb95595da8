"""Names that several files have: in an archive, as after `tar -r`, or in an upload of photos from several cameras."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from dashboard.core.errors import listed

_MARK = " with this name)"  # long, since cameras and programs call pictures "IMG (1 of 2).jpg"
_NUMBERED = re.compile(rf" \(\d+ of \d+{re.escape(_MARK)}(?=(\.[^./]*)?$)")


def note_on_repeated(archive: str, names: Sequence[str]) -> tuple[str, ...]:
    """What the user has to know about files with the same name; () if there are none."""
    hashes = np.fromiter(map(hash, names), np.int64, len(names))  # much smaller than the names of a million files
    if len(np.unique(hashes)) == len(hashes):
        return ()
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    what = "1 name occurs" if len(repeated) == 1 else f"{len(repeated):,} names occur"
    return (
        f"{what} more than once in {archive}: {listed(repeated, 4)}. All these files are used. If some are older versions, "
        "unpack the archive, which keeps the last one of each name, and give the folder.",
    )


def numbered_name(name: str, number: int, count: int) -> str:
    """The name of one of several files that were uploaded with the same name; `number` counts from 1."""
    path = PurePosixPath(name)
    return f"{path.with_suffix('')} ({number} of {count}{_MARK}{path.suffix}"


def name_before(name: str) -> str:
    """The name with which a file was uploaded, for one from `numbered_name`; any other name as it is."""
    return _NUMBERED.sub("", name) if _MARK in name else name
