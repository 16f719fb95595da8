"""How high a table is drawn."""

from __future__ import annotations

_ROW_PX, _BORDERS_PX = 35, 2  # as Streamlit draws them


def table_height(rows: int, most: int) -> int:
    """Pixels of a table with so many rows.

    One with more than `most` ends in the middle of a row, so that it does not look complete.
    """
    shown = rows if rows <= most else most + 0.5
    return int(_ROW_PX * (1 + shown)) + _BORDERS_PX
