"""Names that several files of an archive have, as after `tar -r` or `zip` with an older program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from dashboard.core.errors import listed


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
