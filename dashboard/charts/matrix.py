"""The base of charts with a row for each label and a column for each predicted class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import altair as alt
import pandas as pd

_SIZE_OF_DIGITS = 1.6  # a digit is about half as wide as the size of its font, and some space stays free


def label_matrix(table: pd.DataFrame, order: Sequence[str], *tooltip: alt.Tooltip) -> alt.Chart:
    """A chart of a table with the columns `true_label` and `predicted_label`, still without marks.

    Args:
        order: the labels of both axes; each keeps its place, also without cells.
        tooltip: what a cell tells besides its two labels.
    """
    names = list(order)
    axis = {"labelOverlap": False, "labelFlush": False, "ticks": False, "domain": False, "grid": False}
    scale = alt.Scale(domain=names)
    return alt.Chart(table).encode(
        x=alt.X(
            "predicted_label:N", sort=names, scale=scale, title="Predicted class", axis=alt.Axis(labelAngle=-45, **axis)
        ),
        y=alt.Y("true_label:N", sort=names, scale=scale, title="Label", axis=alt.Axis(labelLimit=160, **axis)),
        tooltip=labels_of_cell(*tooltip),
    )


def labels_of_cell(*tooltip: alt.Tooltip) -> list[alt.Tooltip]:
    """The tooltip of a cell: its two labels, and what else it tells."""
    return [
        alt.Tooltip("true_label:N", title="Label"), alt.Tooltip("predicted_label:N", title="Predicted class"), *tooltip
    ]  # fmt: skip


def height_of(order: Sequence[str]) -> int:
    """The height of such a chart in pixels."""
    return max(360, 44 * len(order))


def font_size_of(order: Sequence[str], texts: Iterable[str], largest: int | None = None) -> alt.ExprRef:
    """The size of the texts in its cells, in pixels. In a narrow chart, it is so small that each text fits into its cell.

    Args:
        texts: all texts of one kind, such as the numbers in the cells.
        largest: the size in a wide chart; None: it depends on the number of classes.
    """
    largest = largest or (12 if len(order) <= 12 else 9)
    digits = max((len(text) - 0.5 * (text.count(",") + text.count(".")) for text in texts), default=1)
    return alt.ExprRef(f"min({largest}, {_SIZE_OF_DIGITS} * width / {len(order) * digits})")
