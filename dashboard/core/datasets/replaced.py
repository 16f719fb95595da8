"""Files in an archive that a later one of the same name replaces, as after `tar -r`. Unpacking keeps the last one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from dashboard.core.errors import listed


def last_of_each_name(names: Sequence[str]) -> list[int]:
    """The positions of the files that no later one of the same name replaces, ascending."""
    hashes = np.fromiter(map(hash, names), np.int64, len(names))  # much smaller than the names of a million files
    if len(np.unique(hashes)) == len(hashes):
        return list(range(len(names)))
    return sorted({name: position for position, name in enumerate(names)}.values())


def note_on_replaced(archive: str, names: Sequence[str], among: Collection[int], kept: Collection[int]) -> str:
    """What the user has to know about the files that are left out.

    Args:
        among: the positions of the files.
        kept: those of them that are not replaced, at least one fewer.
    """
    replaced = sorted({names[i] for i in set(among).difference(kept)})
    what = "1 name occurs" if len(replaced) == 1 else f"{len(replaced):,} names occur"
    return f"{what} more than once in {archive}: {listed(replaced, 4)}. The last file of each name is used, as in unpacking."
