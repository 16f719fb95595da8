"""All checks whether a dataset was changed since its samples were listed or evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashboard.core.datasets.contract import Dataset, Sample, unreadable
from dashboard.core.datasets.opening import open_dataset
from dashboard.core.errors import Code, DatasetError

DATASET_CHANGED: Code = "dataset_changed"
FROM_THE_START = "Evaluate it again, from the start."


def changed(name: str, when: str, fix: str = "Evaluate it again.") -> DatasetError:
    """The error for a dataset that was changed.

    Args:
        when: the end of the sentence "`name` was changed ...", with its full stop.
    """
    return DatasetError(f"{name} was changed {when}", fix, DATASET_CHANGED)


def open_with_fingerprint(path: Path) -> tuple[Dataset, str]:
    """Opens the dataset and computes its fingerprint. Raises DatasetError."""
    dataset = open_dataset(path)
    return dataset, fingerprint_of(dataset)


def fingerprint_of(dataset: Dataset) -> str:
    """Computes the fingerprint. Raises DatasetError."""
    try:
        return dataset.fingerprint
    except OSError as error:
        raise unreadable(dataset.path, error) from error


def open_with_content(path: Path, fingerprint: str, error: DatasetError) -> Dataset:
    """Opens the dataset at `path`. Raises `error`, made by `changed`, if the fingerprint is not the expected one."""
    dataset, now = open_with_fingerprint(path)
    if now != fingerprint:
        raise error
    return dataset


def open_unchanged(path: Path, samples: Sequence[Sample]) -> Dataset:
    """Opens the dataset at `path` and checks the samples, which another process listed.

    Raises:
        DatasetError: as `open_dataset`; also if a sample is not at its old position, because its label would then be
            compared with another image.
    """
    dataset = open_dataset(path)
    if any(s.index >= len(dataset.samples) or dataset.samples[s.index] != s for s in samples):
        raise changed(path.name, "while it was evaluated.")
    return dataset


def still_there(dataset: Dataset, index: int, file: str) -> bool:
    """True if the image at this position has the name of the evaluated image."""
    return 0 <= index < len(dataset.samples) and dataset.samples[index].name == file


def check_still_there(dataset: Dataset, index: int, file: str) -> None:
    """Raises DatasetError if the image at this position has another name than the evaluated image."""
    if not still_there(dataset, index, file):
        raise changed(dataset.path.name, f"since it was evaluated: {file} is not at its old position.")
