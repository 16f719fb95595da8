"""Labels in a small file beside each image, such as 1.cls beside 1.jpg.

Source of the layout: https://github.com/webdataset/webdataset
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from dashboard.core.datasets.file_names import suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.label_value import as_label
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.errors import ImageError

CLASS_SUFFIX = ".cls"
_MOST_BYTES = 1024


def class_file_positions(names: Sequence[str], positions: Sequence[int], is_image: np.ndarray) -> list[int]:
    """The files, among those at these positions, that hold the class of an image. LaTeX has files with this suffix too.

    Args:
        is_image: (n,) bool, for each name.
    """
    found = [i for i in positions if suffix_of(names[i]) == CLASS_SUFFIX]
    if not found:
        return []
    images = {names[i].rpartition(".")[0] for i in positions if is_image[i]}
    return [i for i in found if names[i].rpartition(".")[0] in images]


def read_class_files(source: FileSource, positions: Sequence[int]) -> LabelsTable:
    """The class in each file. One that cannot be read, or is too long for a class, gives its image no label."""
    labels: list[str | None] = []
    for position in positions:
        labels.append(None)
        with contextlib.suppress(ImageError, ValueError):
            content = source.read(position, _MOST_BYTES + 1)
            labels[-1] = as_label(content) if len(content) <= _MOST_BYTES else None
    files = tuple(source.names[i][: -len(CLASS_SUFFIX)] for i in positions)
    return LabelsTable(f"the {CLASS_SUFFIX} files", files, tuple(labels))
