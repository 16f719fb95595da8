"""The chart of precision and recall per class."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from dashboard.charts.palette import ACCENT, MOST_CLASSES, MUTED, SELECTED

POINT = "point"  # name of the chart's selection


def per_class_chart(per_class: pd.DataFrame) -> alt.LayerChart:
    """Draws precision and recall of each class as two points on a line, the lowest F1 on top.

    A click selects the measure of a class (selection `point`). Shows at most MOST_CLASSES classes, those with the lowest F1.
    """
    table = per_class.dropna(subset=["recall"]).sort_values("f1", kind="stable").head(MOST_CLASSES)
    order = table["class"].tolist()
    long = table.melt(["class", "images"], ["precision", "recall"], "measure", "value").dropna()
    low = float(long["value"].min()) if len(long) else 0.0
    scale = alt.Scale(domain=[max(0.0, np.floor(low * 20) / 20 - 0.05), 1.0], clamp=True)
    axis = alt.Axis(labelFlush=False, labelOverlap=False, labelLimit=160, ticks=False, domain=False, grid=True)
    y = alt.Y("class:N", sort=order, title=None, axis=axis)
    line = (
        alt.Chart(table)
        .mark_rule(color=MUTED, strokeWidth=2)
        .encode(
            y=y,
            x=alt.X("precision:Q", scale=scale, title="Precision and recall", axis=alt.Axis(format=".0%")),
            x2="recall:Q",
        )
    )
    points = (
        alt.Chart(long)
        .mark_point(size=90, filled=True, opacity=1, cursor="pointer")
        .encode(
            y=y,
            x=alt.X("value:Q", scale=scale),
            color=alt.Color(
                "measure:N", title=None, scale=alt.Scale(range=[ACCENT, SELECTED]), legend=alt.Legend(orient="top")
            ),
            shape=alt.Shape("measure:N", title=None, scale=alt.Scale(range=["circle", "diamond"])),
            tooltip=[
                alt.Tooltip("class:N", title="Class"),
                alt.Tooltip("measure:N", title="Measure"),
                alt.Tooltip("value:Q", format=".1%", title="Value"),
                alt.Tooltip("images:Q", format=",", title="Images"),
            ],
        )
    )
    points = points.add_params(
        alt.selection_point(name=POINT, fields=["class", "measure"], on="click", clear="dblclick", empty=False)
    )
    return (line + points).properties(height=28 * max(1, len(order)) + 110)  # with the axis and the legend
