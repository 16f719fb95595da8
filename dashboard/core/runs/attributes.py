"""Further columns of a dataset, such as the camera or the patient's age, kept beside the rows of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from dashboard.core.errors import DatasetError
from dashboard.core.runs.file_faults import ATTRIBUTES, unreadable
from dashboard.core.runs.filtering import OWN_COLUMNS
from dashboard.core.runs.parquet_file import open_parquet, parquet_writer
from dashboard.core.runs.rows import STORED, no_further, reading

_GROUP_ROWS = 16384  # rows per group; one group is read to show one row
_TAKEN = frozenset({*OWN_COLUMNS, *STORED.names})
_OPERATORS = re.compile("[=!<>~]")


class AttributeFile:
    """The attributes in the folder of a run, if its dataset has any."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ATTRIBUTES

    def keep(self, columns: pa.Table) -> None:
        """Stores columns with one row for each image, in the order of `index`. Raises OSError."""
        named = columns.rename_columns(attribute_names(columns.column_names))
        with parquet_writer(self._path, named.schema) as writer:
            writer.write_table(named, row_group_size=_GROUP_ROWS)

    @property
    def names(self) -> Sequence[str]:
        """The names of the columns; none if the dataset has none, or if the file is damaged."""
        return self._names_or_fault[0]

    @property
    def fault(self) -> DatasetError | None:
        """What is wrong with the file, see `file_faults`."""
        return self._names_or_fault[1]

    @cached_property
    def _names_or_fault(self) -> tuple[Sequence[str], DatasetError | None]:
        try:
            with self._reading():
                return tuple(open_parquet(self._path).schema_arrow.names), None
        except DatasetError as error:
            return (), None if isinstance(error.__cause__, FileNotFoundError) else error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with reading(self._path):
                yield
        except OSError as error:
            raise unreadable(self._path, error) from error

    def read(self, name: str, index: pa.ChunkedArray) -> pa.ChunkedArray:
        """The column at each `index`, which ascends without repetition. Raises DatasetError if the file is damaged."""
        with self._reading():
            column = open_parquet(self._path).read([name])[name]
            return column if len(index) == len(column) else column.take(index)

    def take(self, index: np.ndarray) -> pa.Table:
        """All columns at each `index` (n,), in any order. Raises DatasetError if the file is damaged."""
        if not self.names:
            return no_further(index)
        with self._reading():
            file = open_parquet(self._path)
            sizes = np.array([file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)], np.int64)
            group_of = np.searchsorted(np.cumsum(sizes), index, side="right")
            groups = np.unique(group_of)
            read = np.zeros(len(sizes) + 1, np.int64)
            read[groups] = sizes[groups]
            before_in_file, before_in_read = np.cumsum(sizes) - sizes, np.cumsum(read) - read
            places = index - before_in_file[group_of] + before_in_read[group_of]
            return file.read_row_groups(groups.tolist()).take(pa.array(places))


def attribute_names(names: Iterable[str]) -> list[str]:
    """The names under which a filter finds columns of a dataset: without operators, and unlike all other columns."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        plain = _OPERATORS.sub("_", name).strip() or f"column {number}"
        unique = plain if plain not in _TAKEN else f"{plain} (dataset)"
        repeated = 1
        while unique in found or unique in _TAKEN:
            repeated += 1
            unique = f"{plain} ({repeated})"
        found[unique] = None
    return list(found)
