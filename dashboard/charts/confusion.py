"""The chart of the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from dashboard.charts.matrix import font_size_of, height_of, label_matrix, labels_of_cell
from dashboard.charts.palette import SELECTED, either_ink, ink, readable_on, rgb

_LIGHT_CELLS = ("#eaf1f9", "#0d3a6e")  # from low to high counts
_DARK_CELLS = ("#1b2c3f", "#a9cdf0")
_SUMS_PX = 11  # size of their font
_LOG_FROM = 1000  # below a thousandth of the largest value, logarithmic colours are nearly linear
CELL = "cell"  # name of the confusion chart's selection

Measure = Literal["count", "share_of_true", "share_of_predicted"]
ALL = "(all)"  # the row and the column of sums: a click chooses a whole column or row


def confusion_chart(
    table: pd.DataFrame,
    sums: pd.DataFrame,
    class_names: Sequence[str],
    measure: Measure,
    hide_diagonal: bool,
    log_colour: bool,
    dark: bool,
    chosen: Mapping[str, str] | None = None,
) -> alt.LayerChart:
    """Draws one row per true class and one column per predicted class, and their sums in a last row and column.

    Cells can be clicked (selection `cell`).

    Args:
        table: from `confusion_table`.
        sums: from `confusion_sums`.
        class_names: in the order of the rows and columns.
        log_colour: colours follow the logarithm, so that small numbers differ more.
        chosen: the true_label and the predicted_label of the cell that is selected at first; one is `ALL` for a sum.
    """
    shown = table[table["count"] > 0]
    if hide_diagonal:
        shown = shown[shown["true_label"] != shown["predicted_label"]]
    top = float(shown[measure].max()) if len(shown) else 1.0
    order = [*class_names, ALL]
    colours = _DARK_CELLS if dark else _LIGHT_CELLS
    share = shown[measure].to_numpy(float) / top
    # a square root keeps small counts of mistakes visible beside the diagonal
    of_colours = np.log1p(_LOG_FROM * share) / np.log1p(_LOG_FROM) if log_colour else share**0.5
    low, high = map(rgb, colours)
    shown = shown.assign(ink=[readable_on((1 - at) * low + at * high) for at in of_colours])
    selection = alt.selection_point(
        name=CELL,
        fields=["true_label", "predicted_label"],
        on="click",
        clear="dblclick",
        empty=False,
        value=[dict(chosen)] if chosen else alt.Undefined,
    )
    base = label_matrix(
        shown,
        order,
        alt.Tooltip("count:Q", format=",", title="Images"),
        alt.Tooltip("share_of_true:Q", format=".1%", title="Share of the label"),
        alt.Tooltip("share_of_predicted:Q", format=".1%", title="Share of the prediction"),
    )
    how = {"type": "symlog", "constant": top / _LOG_FROM} if log_colour else {"type": "pow", "exponent": 0.5}
    scale = alt.Scale(**how, domain=[0, top], range=list(colours), interpolate="rgb")
    cells = (
        base.mark_rect(cornerRadius=2, cursor="pointer")
        .encode(
            color=alt.Color(f"{measure}:Q", scale=scale, legend=None),
            stroke=alt.condition(selection, alt.value(SELECTED), alt.value("transparent")),
            strokeWidth=alt.value(3),
        )
        .add_params(selection)
    )
    number = "," if measure == "count" else ".1%"
    texts = [format(value, number) for value in shown[measure].tolist()]
    label = base.mark_text(fontSize=font_size_of(order, texts)).encode(
        text=alt.Text(f"{measure}:Q", format=number),
        color=either_ink("ink"),
    )
    return (cells + label + _sums(base, sums, order, selection, dark)).properties(height=height_of(order))


def _sums(
    base: alt.Chart, sums: pd.DataFrame, order: Sequence[str], selection: alt.Parameter, dark: bool
) -> alt.LayerChart:
    """The sums of rows and columns, without colours of their own."""
    drawn = base.properties(data=sums.fillna({"true_label": ALL, "predicted_label": ALL})).encode(
        tooltip=labels_of_cell(alt.Tooltip("count:Q", format=",", title="Images"))
    )
    cells = drawn.mark_rect(cornerRadius=2, cursor="pointer", fillOpacity=0.08, fill=ink(dark)).encode(
        stroke=alt.condition(selection, alt.value(SELECTED), alt.value("transparent")), strokeWidth=alt.value(3)
    )
    size = font_size_of(order, [f"{count:,}" for count in sums["count"].tolist()], _SUMS_PX)
    return cells + drawn.mark_text(fontSize=size, color=ink(dark)).encode(text=alt.Text("count:Q", format=","))
