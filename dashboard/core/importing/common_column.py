"""Which rows of two tables belong together, by a column that both have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.core.datasets.attributes import Attributes
from dashboard.core.datasets.columns import LABEL_COLUMNS, PREDICTED_COLUMNS, column_among, plain_column
from dashboard.core.errors import DatasetError, listed_and

_UNNAMED = "Unnamed: "  # pandas' name for a column without one


def rows_by_common_column(own: Attributes, beside: Attributes) -> tuple[str, Sequence[str], np.ndarray] | None:
    """A column that names each row of two tables: its name and its values in the second table, and rows of that.

    The rows are (N,) int64: for each row of the first table, the one of the second. None if no column of both tells
    anything about the rows. Decimals, yes and no, and columns without a name do not.

    Raises:
        DatasetError: a column of both has other values, or the same in another order, and none tells which rows belong
            together.
    """
    found: dict[str, tuple[str, Sequence[str], np.ndarray]] = {}
    other_order: dict[str, tuple[Sequence[str], Sequence[str]]] = {}
    for column in own.columns.column_names:
        called = column_among(beside.columns.column_names, [plain_column(column)]) or ""
        one, other = _values(own, column), _values(beside, called)
        if not one or not other:
            continue
        names = [_are_names(one), _are_names(other)]
        if all(names) and {*one} <= {*other}:
            row_of = {value: row for row, value in enumerate(other)}
            found[column] = called, other, np.array([row_of[value] for value in one], np.int64)
        elif one != other and (all(names) or _permuted(one, other) or (any(names) and {*one} & {*other})):
            other_order[column] = one, other
    if found and len({rows.tobytes() for *_, rows in found.values()}) == 1:
        first = next(iter(found.values()))
        of_first = first[2].tolist()
        contradicting = [
            column for column, (one, other) in other_order.items()
            if _permuted(one, other) and one != [other[row] for row in of_first]
        ]  # fmt: skip
        if not contradicting:
            return first
        other_order = {column: other_order[column] for column in contradicting}
    if found or other_order:
        raise _differ([*found, *other_order])
    return None


def _are_names(values: Sequence[str]) -> bool:
    return "" not in values and len({*values}) == len(values)


def _permuted(one: Sequence[str], other: Sequence[str]) -> bool:
    return Counter(one) == Counter(other)


def _values(attributes: Attributes, column: str) -> Sequence[str]:
    """The values of a column that may tell rows apart, "" where there is none; [] if it holds others."""
    if not column or column.startswith(_UNNAMED) or column_among([column], (*LABEL_COLUMNS, *PREDICTED_COLUMNS)):
        return []
    at = attributes.columns.schema.get_field_index(column)  # -1 if two columns are called so
    if at < 0 or pa.types.is_boolean(attributes.columns.schema.field(at).type):
        return []
    values = attributes.columns.column(at)
    try:
        whole = pc.cast(values, pa.int64()) if pa.types.is_floating(values.type) else values
    except pa.ArrowInvalid:
        return []
    texts: list[str] = pc.fill_null(pc.cast(whole, pa.string()), "").to_pylist()
    return texts


def _differ(columns: Sequence[str]) -> DatasetError:
    """The error for two tables whose common columns differ."""
    one = len(columns) == 1
    return DatasetError(
        f"The predictions and their labels both have the column{'' if one else 's'} {listed_and(columns)}, but "
        f"{'its' if one else 'their'} values differ or are in another order, so it is not certain which label belongs to "
        "which prediction.",
        "Write the name of each row into a column `file` in both tables. Or, if the rows are in the same order, remove "
        f"{'this column' if one else 'these columns'} from one of the tables.",
        "labels_file",
    )  # fmt: skip
