"""Further columns of a dataset, such as the camera or the patient's age, kept beside the rows of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.files import open_atomically
from dashboard.core.runs.filtering import OWN_COLUMNS
from dashboard.core.runs.rows import STORED, reading

_FILE = "attributes.parquet"
_TAKEN = frozenset({*OWN_COLUMNS, *STORED.names})
_OPERATORS = re.compile("[=!<>~]")


class AttributeFile:
    """The attributes in the folder of a run, if its dataset has any."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def keep(self, columns: pa.Table) -> None:
        """Stores columns with one row for each image, in the order of `index`. Raises OSError."""
        with open_atomically(self._path, make_folder=False) as out:
            named = columns.rename_columns(attribute_names(columns.column_names))
            pq.write_table(named, out, write_page_checksum=True)

    @cached_property
    def names(self) -> Sequence[str]:
        """The names of the columns; none if the dataset has none. Raises OSError if the file is damaged."""
        try:
            with reading(self._path):
                return tuple(pq.read_schema(self._path).names)
        except FileNotFoundError:
            return ()

    def read(self, name: str, index: pa.ChunkedArray) -> pa.ChunkedArray:
        """The column at each `index`, which ascends without repetition. Raises OSError if the file is damaged."""
        with reading(self._path):  # memory-mapped as the rows are, see there
            column = pq.read_table(self._path, columns=[name], memory_map=True, page_checksum_verification=True)[name]
            return column if len(index) == len(column) else column.take(index)


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
