"""Is it still the image that was listed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashboard.core.datasets.contract import Dataset, Sample
from dashboard.core.datasets.opening import open_dataset
from dashboard.core.errors import DatasetError


def still_there(dataset: Dataset, index: int, file: str) -> bool:
    """The image at that position is the one that was evaluated."""
    return 0 <= index < len(dataset.samples) and dataset.samples[index].name == file


def check_still_there(dataset: Dataset, index: int, file: str) -> None:
    """Raises DatasetError when another image than the one that was evaluated is at that position."""
    if not still_there(dataset, index, file):
        raise DatasetError(
            f"{dataset.path.name} was changed since it was evaluated: {file} is not where it was.",
            "Evaluate it again.",
            "dataset_changed",
        )


def open_unchanged(path: Path, samples: Sequence[Sample]) -> Dataset:
    """Opens the dataset at `path` in another process than the one that listed the samples.

    Raises:
        DatasetError: as `open_dataset`, and when the samples are not where they were, for then a label would be
            compared with another image.
    """
    dataset = open_dataset(path)
    if any(s.index >= len(dataset.samples) or dataset.samples[s.index] != s for s in samples):
        raise DatasetError(f"{path.name} was changed while it was evaluated.", "Evaluate it again.", "dataset_changed")
    return dataset
