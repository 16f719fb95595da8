"""The interface of every dataset: samples with labels, and images that are read one at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from dashboard.core.datasets.attributes import Attributes
from dashboard.core.datasets.sample_list import Sample, SampleList
from dashboard.core.errors import DatasetError
from dashboard.core.images.decoding import DecodedImage
from dashboard.core.questions import Question

__all__ = ["ONE_FOLDER_A_CLASS", "Dataset", "Sample", "SampleList", "unreadable"]

ONE_FOLDER_A_CLASS = (
    "Use one folder per class (cat/1.png, cat/2.png, dog/1.png ...), or put a labels file beside the images."
)


class Dataset(Protocol):
    """A dataset of any size: its images are read one at a time. Thread-safe."""

    path: Path  # other processes open the dataset again from this path
    notes: tuple[str, ...]  # sentences for the user about how the dataset was read
    questions: tuple[Question, ...]  # what could be read in another way, with the answers in use

    @property
    def samples(self) -> SampleList:
        """All entries, including files that turn out not to be images."""

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with the content."""

    def attributes(self) -> Attributes | None:
        """Further columns of the dataset's table, one row per sample; None if there are none. They are read now.

        Raises:
            DatasetError, ImageError: the table cannot be read any more.
        """

    def file(self, index: int) -> bytes:
        """The image file of a sample, as bytes. Raises ImageError when it cannot be read."""

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """Pixels (H, W, 3) uint8 of a sample. Raises ImageError when it cannot be read."""

    def decoded(self, index: int, shrink_to: tuple[int, int] | None = None) -> DecodedImage:
        """The same pixels, with what is known of the file. Raises ImageError when it cannot be read."""


def unreadable(path: Path, error: OSError) -> DatasetError:
    """The error for a path that the operating system does not let us read."""
    return DatasetError(
        f"{path} cannot be read: {error.strerror or error}.",
        "Give the dashboard's user permission to read it.",
        "unreadable",
    )
