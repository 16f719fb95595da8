"""Which columns of a table hold probabilities, by their names and types, and what a Parquet file says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dashboard.core.datasets.columns import ONE_PROB_NAMES, PROBS_PREFIXES, column_among
from dashboard.core.datasets.parquet_file import open_parquet
from dashboard.core.runs.rows import CLASS_NAMES

_FIRST_ROWS = 64


def list_columns(path: Path) -> list[str]:
    """The columns of a Parquet file that hold lists; [] for a CSV."""
    if path.suffix.lower() != ".parquet":
        return []
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return [field.name for field in pq.read_schema(path) if any(is_kind(field.type) for is_kind in kinds)]


def list_length(path: Path, column: str) -> int:
    """The length of the first list in the column; 0 if there is none."""
    for batch in open_parquet(path).iter_batches(_FIRST_ROWS, columns=[column]):
        if len(lengths := pc.list_value_length(batch.column(0)).drop_null()):
            return int(lengths[0].as_py())
    return 0


def own_class_names(path: Path) -> tuple[str, ...] | None:
    """The class names that the export of a run stores in the file; None if there are none."""
    try:
        return tuple(map(str, json.loads(pq.read_metadata(path).metadata[CLASS_NAMES.encode()])))
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def probability_columns(
    columns: Sequence[str], class_names: Sequence[str] | None
) -> tuple[list[str], tuple[str, ...] | None] | None:
    """The columns of probabilities and the names of their classes; None if no column is known to hold any.

    The names are None for a single column that does not say its class.
    """
    prefixed = [(p, [c for c in columns if c.startswith(p) and len(c) > len(p)]) for p in PROBS_PREFIXES]
    for prefix, found in prefixed:
        if len(found) >= 2:
            return found, tuple(column.removeprefix(prefix) for column in found)
    wanted = class_names or ()
    if (named := [name for name in wanted if name in columns]) and len(wanted) in (len(named), 2):
        return named, tuple(named)
    for prefix, found in prefixed:
        if found and (not wanted or found[0].removeprefix(prefix) in wanted):
            return found, (found[0].removeprefix(prefix),)
    if one := column_among(columns, ONE_PROB_NAMES):
        return [one], None
    return next(((found, (found[0].removeprefix(prefix),)) for prefix, found in prefixed if found), None)
