"""The rows of a run as Parquet files, read by column, so that of a million rows only the needed values are loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.files import open_atomically

COLUMNS = (
    "index", "file", "true_label", "predicted_label", "confidence", "pred_probs", "logits", "status", "reason",
)  # fmt: skip
VIEW_COLUMNS = ("index", "true_label", "predicted_label", "confidence", "status")  # enough for metrics and filters
_LABELS = ("true_label", "predicted_label")
_STATUS = ("ok", "failed")
_NUMBERS = {
    "index": pa.int64(),
    "confidence": pa.float64(),
    "pred_probs": pa.list_(pa.float64()),
    "logits": pa.list_(pa.float32()),
}
SCHEMA = pa.schema([(name, _NUMBERS.get(name, pa.string())) for name in COLUMNS])  # the same for every part
CLASS_NAMES = "class_names"  # metadata key of a packed file: class names in the order of `pred_probs`, as JSON
_GROUP_ROWS = 16384  # rows per group of a packed file; one group is read to show one row


class RowFiles:
    """The Parquet files of a run. Read one after the other, they give its rows in the order of `index`.

    A position is the number of a row in this order, from 0. Every method raises OSError or ArrowException if a file is
    missing or damaged.
    """

    def __init__(self, paths: Sequence[Path], class_names: Sequence[str]) -> None:
        self._paths, self._class_names = paths, class_names

    def read(self, columns: Sequence[str]) -> pd.DataFrame:
        """All rows. Labels and status are categories; label categories are in the order of the classes."""
        tables = [_open(path).read(list(columns)) for path in self._paths]
        return self._frame(pa.concat_tables(tables) if tables else SCHEMA.empty_table().select(list(columns)))

    def take(self, positions: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
        """The rows at these positions, in the given order. The positions are the index of the table."""
        groups, ends = self._groups
        group_of = np.searchsorted(ends, positions, side="right")
        order = np.argsort(group_of, kind="stable")  # the order in which the rows are read
        tables = [SCHEMA.empty_table().select(list(columns))]
        for group in np.unique(group_of):
            path, number = groups[group]
            first = ends[group - 1] if group else 0
            here = positions[group_of == group] - first
            tables.append(_open(path).read_row_group(number, columns=list(columns)).take(pa.array(here)))
        frame = self._frame(pa.concat_tables(tables[1:] or tables)).set_axis(pd.Index(positions[order]))
        return frame.iloc[np.argsort(order)]

    def batches(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yields all rows, some thousand at a time."""
        for path in self._paths:
            file = _open(path)
            for number in range(file.num_row_groups):
                yield self._frame(file.read_row_group(number, columns=list(columns)))

    def pack(self, target: Path) -> None:
        """Writes all rows into one file, completely or not at all, with the class names as metadata."""
        waiting: list[pa.Table] = []
        schema = SCHEMA.with_metadata({CLASS_NAMES: json.dumps(list(self._class_names))})
        with open_atomically(target) as out, pq.ParquetWriter(out, schema) as writer:
            for path in self._paths:
                waiting.append(pq.ParquetFile(path).read())
                if sum(map(len, waiting)) >= _GROUP_ROWS:
                    writer.write_table(pa.concat_tables(waiting), row_group_size=_GROUP_ROWS)
                    waiting.clear()
            if waiting:
                writer.write_table(pa.concat_tables(waiting), row_group_size=_GROUP_ROWS)

    def _frame(self, table: pa.Table) -> pd.DataFrame:
        frame = table.unify_dictionaries().to_pandas()
        categories = {**dict.fromkeys(_LABELS, self._class_names), "status": _STATUS}
        for name in categories.keys() & set(table.column_names):
            frame[name] = pd.Categorical(frame[name], dtype=pd.CategoricalDtype(list(categories[name])))
        return frame

    @cached_property
    def _groups(self) -> tuple[list[tuple[Path, int]], np.ndarray]:
        """All row groups as (file, number), and for each the position after its last row."""
        groups, counts = [], []
        for path in self._paths:
            metadata = pq.read_metadata(path)
            for number in range(metadata.num_row_groups):
                groups.append((path, number))
                counts.append(metadata.row_group(number).num_rows)
        return groups, np.cumsum(counts, dtype=np.int64)


def _open(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, memory_map=True, read_dictionary=[*_LABELS, "status"])
