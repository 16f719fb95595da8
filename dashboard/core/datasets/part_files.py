"""Some of the files of a dataset: those of a split, or all but the tables of labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.sample_list import PackedNames


class PartOfFiles:
    """See `FileSource`."""

    def __init__(self, source: FileSource, positions: np.ndarray) -> None:
        """Takes the positions (n,) int64 of the files that belong to the part."""
        self._source, self._positions = source, positions
        self.names = PackedNames(source.names[i] for i in positions.tolist())

    @property
    def fingerprint(self) -> str:
        """Hex digest of all files, also of those that do not belong to the part."""
        return self._source.fingerprint

    def read(self, position: int, limit: int) -> bytes:
        """See `FileSource`."""
        return self._source.read(int(self._positions[position]), limit)


class JoinedFiles:
    """Several parts of the same files, one after the other. See `FileSource`."""

    def __init__(self, parts: Sequence[FileSource], firsts: Sequence[int]) -> None:
        """Takes the parts, and the position at which the files of each begin here. There may be gaps between them."""
        self._parts, self._firsts = parts, np.array(firsts[: len(parts)], np.int64)
        self.names = PackedNames(chain.from_iterable(part.names for part in parts))

    @property
    def fingerprint(self) -> str:
        """See `PartOfFiles.fingerprint`."""
        return self._parts[0].fingerprint

    def read(self, position: int, limit: int) -> bytes:
        """See `FileSource`."""
        part = int(np.searchsorted(self._firsts, position, side="right")) - 1
        return self._parts[part].read(position - int(self._firsts[part]), limit)
