"""The interface of named files in a folder or an archive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class FileSource(Protocol):
    """Named files. Their positions count from 0."""

    @property
    def names(self) -> Sequence[str]:
        """Paths inside the dataset, separated by `/`."""

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with the content."""

    def read(self, position: int, limit: int) -> bytes:
        """The first `limit` bytes of a file. Raises ImageError."""
