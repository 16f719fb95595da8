"""Labels in a small file beside each image, such as 1.cls beside 1.jpg.

Source of the layout: https://github.com/webdataset/webdataset
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from dashboard.core.datasets.file_names import suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.label_value import as_label
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.errors import ImageError

_SUFFIX = ".cls"
_MOST_BYTES = 1024


def class_file_positions(names: Sequence[str], positions: Sequence[int]) -> list[int]:
    """The files, among those at these positions, that hold the class of an image."""
    return [i for i in positions if suffix_of(names[i]) == _SUFFIX]


def read_class_files(source: FileSource, positions: Sequence[int]) -> LabelsTable:
    """The class in each file. One that cannot be read gives its image no label."""
    labels: list[str | None] = []
    for position in positions:
        labels.append(None)
        with contextlib.suppress(ImageError, ValueError):
            labels[-1] = as_label(source.read(position, _MOST_BYTES))
    files = tuple(source.names[i][: -len(_SUFFIX)] for i in positions)
    return LabelsTable(f"the {_SUFFIX} files", files, tuple(labels))
