"""How high a table is drawn."""

from __future__ import annotations

ROW_PX, _BORDERS_PX = 35, 2  # as Streamlit draws them
SEVERAL_LINES_PX = 66  # of a row; Streamlit breaks lines only in rows of more than 64


def table_height(rows: int, most: int, row_px: int = ROW_PX) -> int:
    """Pixels of a table with so many rows.

    One with more than `most` ends in the middle of a row, so that it does not look complete.
    """
    shown = rows if rows <= most else most + 0.5
    return int(ROW_PX + row_px * shown) + _BORDERS_PX
