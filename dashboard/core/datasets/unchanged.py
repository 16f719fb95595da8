"""Whether a dataset was changed since it was listed or evaluated. Every check of that kind is here."""

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
        when: the rest of the sentence "`name` was changed ...", with its full stop.
    """
    return DatasetError(f"{name} was changed {when}", fix, DATASET_CHANGED)


def open_with_fingerprint(path: Path) -> tuple[Dataset, str]:
    """The dataset and its fingerprint. Raises DatasetError."""
    dataset = open_dataset(path)
    try:
        return dataset, dataset.fingerprint
    except OSError as error:
        raise unreadable(path, error) from error


def open_with_content(path: Path, fingerprint: str, error: DatasetError) -> Dataset:
    """The dataset at `path`. Raises `error`, made by `changed`, when its content has another fingerprint."""
    dataset, now = open_with_fingerprint(path)
    if now != fingerprint:
        raise error
    return dataset


def open_unchanged(path: Path, samples: Sequence[Sample]) -> Dataset:
    """Opens the dataset at `path` in another process than the one that listed the samples.

    Raises:
        DatasetError: as `open_dataset`, and when the samples are not where they were, for then a label would be
            compared with another image.
    """
    dataset = open_dataset(path)
    if any(s.index >= len(dataset.samples) or dataset.samples[s.index] != s for s in samples):
        raise changed(path.name, "while it was evaluated.")
    return dataset


def still_there(dataset: Dataset, index: int, file: str) -> bool:
    """Whether the image at that position is the one that was evaluated, going by its name."""
    return 0 <= index < len(dataset.samples) and dataset.samples[index].name == file


def check_still_there(dataset: Dataset, index: int, file: str) -> None:
    """Raises DatasetError when another image than the one that was evaluated is at that position."""
    if not still_there(dataset, index, file):
        raise changed(dataset.path.name, f"since it was evaluated: {file} is not where it was.")
