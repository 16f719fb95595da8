"""Datasets, read one image at a time: image files in a ZIP or folder, NumPy arrays, Parquet, TFRecord, CIFAR-10."""

from dashboard.core.datasets.contract import Dataset, Sample, unreadable
from dashboard.core.datasets.formats import KINDS
from dashboard.core.datasets.opening import is_there, open_dataset
from dashboard.core.datasets.sample_list import distinct_labels, label_counts
from dashboard.core.datasets.unchanged import open_unchanged

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
