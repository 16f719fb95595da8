"""Datasets, read one image at a time: image files in a ZIP, tar or folder, NumPy arrays, idx, Parquet, TFRecord, CIFAR-10.

The names below are imported when they are first used. If this file imported them, it and the files that it imports would
need each other, and Python cannot import such files from two threads at the same time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.core.datasets.contract import Dataset, Sample, unreadable
    from dashboard.core.datasets.formats import KINDS
    from dashboard.core.datasets.opening import open_dataset
    from dashboard.core.datasets.sample_list import distinct_labels, label_counts
    from dashboard.core.datasets.unchanged import open_unchanged
    from dashboard.core.datasets.whereabouts import is_there

__all__ = [
    "KINDS",
    "Dataset",
    "Sample",
    "distinct_labels",
    "is_there",
    "label_counts",
    "open_dataset",
    "open_unchanged",
    "unreadable",
]
_FILE_OF = {
    "KINDS": "formats",
    "Dataset": "contract",
    "Sample": "contract",
    "distinct_labels": "sample_list",
    "is_there": "whereabouts",
    "label_counts": "sample_list",
    "open_dataset": "opening",
    "open_unchanged": "unchanged",
    "unreadable": "contract",
}


def __getattr__(name: str) -> object:
    if name not in _FILE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILE_OF[name]}"), name)
