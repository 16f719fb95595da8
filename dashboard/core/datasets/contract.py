"""What every dataset is: samples with labels, and images that are read one at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from dashboard.core.datasets.sample_list import Sample, SampleList
from dashboard.core.errors import DatasetError

__all__ = ["ONE_FOLDER_A_CLASS", "Dataset", "Sample", "SampleList", "unreadable"]

ONE_FOLDER_A_CLASS = (
    "Give one folder a class (cat/1.png, cat/2.png, dog/1.png ...), or a labels file beside the images."
)


class Dataset(Protocol):
    """Images that are read one at a time, so that any number fits. May be used by several threads."""

    path: Path  # opened again from here by other processes

    @property
    def samples(self) -> SampleList:
        """Every entry, also those that turn out to be no image."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how it was read, in sentences."""

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with the content."""

    def file(self, index: int) -> bytes:
        """A sample as an image file. Raises ImageError when it cannot be read."""

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """Pixels (H, W, 3) uint8 of a sample. Raises ImageError when it cannot be read."""


def unreadable(path: Path, error: OSError) -> DatasetError:
    """The system does not let us read it."""
    return DatasetError(
        f"{path} cannot be read: {error.strerror or error}.", "Let the dashboard's user read it.", "unreadable"
    )
