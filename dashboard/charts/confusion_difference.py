"""The chart of how two confusion matrices differ."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from dashboard.charts.confusion import CELL
from dashboard.charts.matrix import font_size_of, height_of, label_matrix
from dashboard.charts.palette import ACCENT, SELECTED, either_ink, ink, readable_on, rgb

_ROOT = 0.6


def confusion_difference_chart(
    difference: np.ndarray, class_names: Sequence[str], classes: np.ndarray, dark: bool
) -> alt.LayerChart:
    """Draws one row per true class and one column per predicted class, with B minus A in each cell that differs.

    Blue is better in B: more on the diagonal, or fewer mistakes. Orange is worse. A click selects a cell as `CELL`.

    Args:
        difference: (K, K) counts, or shares of the true class; rows are true labels, columns predicted.
        classes: ids of the classes to draw.
    """
    names = [class_names[i] for i in classes]
    cells = difference[np.ix_(classes, classes)]
    rows, columns = np.nonzero(cells)
    values = cells[rows, columns]
    labels = np.asarray(names, object)
    gain = np.where(rows == columns, values, -values)
    table = pd.DataFrame(
        {
            "true_label": labels[rows],
            "predicted_label": labels[columns],
            "difference": values,
            "gain": gain,
            "better": np.where(gain > 0, "better in B", "worse in B"),
        }
    )
    counts = np.issubdtype(difference.dtype, np.integer)
    most = float(np.abs(values).max()) if len(values) else 1.0
    middle = "#22303f" if dark else "#f0f3f6"
    table["ink"] = [readable_on(_colour(share, middle)) for share in gain / most]
    text = "+,d" if counts else "+.1%"
    base = label_matrix(
        table, names, alt.Tooltip("difference:Q", format=text, title="B minus A"), alt.Tooltip("better:N", title=" ")
    )
    # a root keeps small differences visible; between hues, rgb adds none
    scale = alt.Scale(
        type="pow", exponent=_ROOT, domain=[-most, 0, most], range=[SELECTED, middle, ACCENT], interpolate="rgb"
    )
    selection = alt.selection_point(
        name=CELL, fields=["true_label", "predicted_label"], on="click", clear="dblclick", empty=False
    )
    rectangles = (
        base.mark_rect(cornerRadius=2, cursor="pointer" if counts else "default")
        .encode(
            color=alt.Color("gain:Q", scale=scale, legend=None),
            stroke=alt.condition(selection, alt.value(ink(dark)), alt.value("transparent")),
            strokeWidth=alt.value(3),
        )
        .add_params(selection)
    )
    numbers = base.mark_text(fontSize=font_size_of(names, [format(each, text) for each in values.tolist()])).encode(
        text=alt.Text("difference:Q", format=text),
        color=either_ink("ink"),
    )
    return (rectangles + numbers).properties(height=height_of(names))


def _colour(gain: float, middle: str) -> np.ndarray:
    """The red, green and blue of a cell, from 0 to 255, for a gain within -1 and 1."""
    share = abs(gain) ** _ROOT
    return (1 - share) * rgb(middle) + share * rgb(ACCENT if gain > 0 else SELECTED)
