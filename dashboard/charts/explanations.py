"""The charts of the page Explain: the curves of the faithfulness test, and a map whose cells show their values."""

from __future__ import annotations

import base64
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from dashboard.charts.palette import ACCENT, MUTED, SELECTED
from dashboard.core.explanations.records import Faithfulness
from dashboard.core.images.drawing import encode_png

THIS_MAP, RANDOM, GAUSSIAN = "This map", "Random maps", "Spot in the centre"
MAP_SIDE = 400  # pixels
CURVES_HEIGHT = 230
CELLS_A_SIDE = 44  # with more cells, Vega draws slowly and cells are too small to point at

Curve = Literal["deletion", "insertion"]
_AXIS = {"deletion": "Pixels removed, most important first", "insertion": "Pixels added, most important first"}


def curves_table(faithfulness: Faithfulness) -> pd.DataFrame:
    """One row per point: map, curve, share of the pixels in [0, 1], probability of the class in [0, 1]."""
    parts = []
    for name, scores in (
        (THIS_MAP, faithfulness.map),
        (RANDOM, faithfulness.random),
        (GAUSSIAN, faithfulness.gaussian),
    ):
        for curve, values in (("deletion", scores.deletion), ("insertion", scores.insertion)):
            parts.append(
                pd.DataFrame({"map": name, "curve": curve, "share": faithfulness.shares, "probability": values})
            )
    return pd.concat(parts, ignore_index=True)


def curve_chart(table: pd.DataFrame, curve: Curve, target: str) -> alt.LayerChart:
    """Draws the probability of the class as pixels are removed or added, for the map and both controls.

    Args:
        table: from `curves_table`.
        target: the name of the class.
    """
    shown = table[table["curve"] == curve]
    order = [THIS_MAP, RANDOM, GAUSSIAN]
    base = alt.Chart(shown).encode(
        x=alt.X(
            "share:Q",
            title=_AXIS[curve],
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], grid=False),
        ),
        y=alt.Y(
            "probability:Q",
            title=f"Probability of {target}",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
        ),
        color=alt.Color(
            "map:N",
            title=None,
            sort=order,
            scale=alt.Scale(domain=order, range=[ACCENT, MUTED, SELECTED]),
            legend=alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3, offset=4),
        ),
        strokeDash=alt.StrokeDash(
            "map:N", title=None, sort=order, scale=alt.Scale(domain=order, range=[[1, 0], [2, 3], [7, 3]])
        ),
        tooltip=[
            alt.Tooltip("map:N", title="Map"),
            alt.Tooltip("share:Q", format=".0%", title="Pixels " + ("removed" if curve == "deletion" else "added")),
            alt.Tooltip("probability:Q", format=".1%", title="Probability"),
        ],
    )
    lines = base.mark_line(strokeWidth=2.5)
    points = base.mark_point(size=140, opacity=0)  # invisible points that show the tooltip
    return (lines + points).properties(height=CURVES_HEIGHT)


def cells_table(values: np.ndarray) -> pd.DataFrame:
    """A heatmap (h, w) as one row per cell: row and column from 1, edges in [0, 1] of the picture, value.

    A heatmap with more than CELLS_A_SIDE cells per side is reduced by averaging.
    """
    height, width = values.shape
    if max(height, width) > CELLS_A_SIDE:
        import cv2

        height, width = min(height, CELLS_A_SIDE), min(width, CELLS_A_SIDE)
        values = cv2.resize(np.asarray(values, np.float32), (width, height), interpolation=cv2.INTER_AREA)
    rows, columns = np.indices((height, width)).reshape(2, -1)
    return pd.DataFrame(
        {
            "row": rows + 1,
            "column": columns + 1,
            "top": rows / height,
            "bottom": (rows + 1) / height,
            "left": columns / width,
            "right": (columns + 1) / width,
            "value": values.ravel().astype(float),
        }
    )


def map_chart(blended: np.ndarray, values: np.ndarray, value_title: str) -> alt.LayerChart:
    """Draws an overlay. A cell shows its value when the pointer is on it.

    Args:
        blended: the overlay, (H, W, 3) uint8 RGB.
        values: the heatmap (h, w), which covers the whole picture.
        value_title: the name of the values in the tooltip.
    """
    url = f"data:image/png;base64,{base64.b64encode(encode_png(blended)).decode()}"
    height, width = blended.shape[:2]
    # the largest size that fits and keeps the shape of the picture, also on a phone
    fits = f"min(width / {width}, {MAP_SIDE} / {max(height, width)})"
    across, down = {"expr": f"{width} * {fits}"}, {"expr": f"{height} * {fits}"}
    picture = (
        alt.Chart(pd.DataFrame({"url": [url]}))
        .mark_image(width=across, height=down, align="left", baseline="top", aspect=False)
        .encode(url="url:N", x=alt.value(0), y=alt.value(0))
    )
    x = alt.Scale(domain=[0, 1], range=[0, across], nice=False)
    y = alt.Scale(domain=[0, 1], range=[0, down], nice=False)
    pointed = alt.selection_point(on="pointerover", clear="pointerout", empty=False, name="pointed")
    cells = (
        alt.Chart(cells_table(values))
        .mark_rect(fill="white", fillOpacity=0, strokeWidth=2)
        .encode(
            x=alt.X("left:Q", scale=x, axis=None),
            x2="right:Q",
            y=alt.Y("top:Q", scale=y, axis=None),
            y2="bottom:Q",
            stroke=alt.condition(pointed, alt.value("white"), alt.value("transparent")),
            tooltip=[
                alt.Tooltip("value:Q", format=".2f", title=value_title),
                alt.Tooltip("row:Q", title="Row"),
                alt.Tooltip("column:Q", title="Column"),
            ],
        )
        .add_params(pointed)
    )
    size = round(MAP_SIDE * height / max(height, width))
    return (picture + cells).properties(height=size, padding=0, background="transparent").configure_view(strokeWidth=0)
