"""Reliability diagrams: accuracy and mean confidence in bins of confidence."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from dashboard.charts.palette import ACCENT, MUTED, SELECTED, ink

BIN = "bin"  # name of the selection, and of its field: the number of the bin
_PERCENT = alt.Axis(format=".0%")
_EXTENT = 46  # pixels for the labels of the y axis, so that two charts below each other are aligned


def reliability_chart(bins: pd.DataFrame, dark: bool) -> alt.LayerChart:
    """Accuracy as a bar over each bin, with its interval, and the mean confidence as a line across the bin.

    A click selects a bin.

    Args:
        bins: see `bin_table`.
    """
    table = bins.assign(middle=(bins["low"] + bins["high"]) / 2)
    x, x2 = alt.X("low:Q", scale=_unit(), title="Confidence", axis=_PERCENT), alt.X2("high:Q")
    y = alt.Y("accuracy:Q", scale=_unit(), title="Accuracy", axis=_wide(format=".0%"))
    base = alt.Chart(table)
    bars = (
        _named(base, "Accuracy").mark_bar(stroke=_paper(dark), strokeWidth=1).encode(x=x, x2=x2, y=y, y2=alt.datum(0))
    )
    confidence = _named(base, "Mean confidence").mark_rule(strokeWidth=3).encode(x=x, x2=x2, y="confidence:Q")
    interval = base.mark_rule(color=ink(dark), strokeWidth=1.5).encode(
        x="middle:Q", y="accuracy_low:Q", y2="accuracy_high:Q"
    )
    ideal = pd.DataFrame({"confidence": [0.0, 1.0], "accuracy": [0.0, 1.0]})
    diagonal = alt.Chart(ideal).mark_line(color=ink(dark), strokeDash=[4, 4], opacity=0.7, strokeWidth=1)
    diagonal = diagonal.encode(x="confidence:Q", y="accuracy:Q")
    target = _target(base.encode(x=x, x2=x2, y=alt.datum(0), y2=alt.datum(1)), dark)
    return alt.layer(bars, diagonal, confidence, interval, target).properties(height=340)


def equal_mass_chart(bins: pd.DataFrame, dark: bool) -> alt.LayerChart:
    """The same for bins with equally many images, side by side because most of them lie close to 100%."""
    bottom = float(np.nanmin(np.minimum(bins["accuracy_low"], bins["confidence"])))
    bottom = max(0.0, np.floor(bottom * 20) / 20)
    scale = alt.Scale(domain=[bottom, 1], nice=False)
    x = alt.X("bin:O", title="Bins, from the least to the most confident images", axis=alt.Axis(labelAngle=0))
    base = alt.Chart(bins)
    y = alt.Y("accuracy:Q", scale=scale, title="Accuracy", axis=_wide(format=".0%"))
    points = _named(base, "Accuracy").mark_point(filled=True, size=90, opacity=1).encode(x=x, y=y)
    interval = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(
        x=x, y=alt.Y("accuracy_low:Q", scale=scale), y2="accuracy_high:Q"
    )
    confidence = _named(base, "Mean confidence").mark_tick(thickness=3, size=12)
    confidence = confidence.encode(x=x, y=alt.Y("confidence:Q", scale=scale))
    target = _target(base.encode(x=x, y=alt.YDatum(bottom, scale=scale), y2=alt.datum(1)), dark)
    return alt.layer(interval, points, confidence, target).properties(height=340)


def bin_counts_chart(bins: pd.DataFrame, dark: bool) -> alt.Chart:
    """The number of images in each bin of equal width, to be shown below `reliability_chart`.

    Its scale is that of square roots, because nearly all images are often in one bin.
    """
    most = int(bins["images"].max())
    scale = alt.Scale(type="sqrt", domain=[0, most], nice=False)
    return (
        alt.Chart(bins)
        .mark_bar(color=MUTED, stroke=_paper(dark), strokeWidth=1)
        .encode(
            x=alt.X("low:Q", scale=_unit(), title=None, axis=alt.Axis(labels=False, ticks=False)),
            x2="high:Q",
            y=alt.Y(
                "images:Q", scale=scale, title=["Images,", "√ scale"],
                axis=_wide(format=",d", values=sorted({0, most // 4, most})),
            ),
            y2=alt.datum(0),
            tooltip=[alt.Tooltip("images:Q", title="Images", format=",")],
        )
        .properties(height=90)
    )  # fmt: skip


def _target(base: alt.Chart, dark: bool) -> alt.Chart:
    """An invisible area over the whole height of each bin: it is clicked, has the tooltip and marks the selected bin."""
    picked = alt.selection_point(name=BIN, fields=[BIN], on="click", clear="dblclick", empty=False)
    return (
        base.mark_bar(fill=ink(dark), cursor="pointer")
        .encode(
            fillOpacity=alt.condition(picked, alt.value(0.18), alt.value(0.001)),
            tooltip=[
                alt.Tooltip("from:N", title="Confidence above"),
                alt.Tooltip("to:N", title="up to"),
                alt.Tooltip("images:Q", title="Images", format=","),
                alt.Tooltip("confidence:Q", title="Mean confidence", format=".1%"),
                alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%"),
                alt.Tooltip("accuracy_low:Q", title="at least (95%)", format=".1%"),
                alt.Tooltip("accuracy_high:Q", title="at most (95%)", format=".1%"),
            ],
        )
        .add_params(picked)
    )


def _named(base: alt.Chart, measure: str) -> alt.Chart:
    """The chart in the colour of one of the two measures, with a legend."""
    scale = alt.Scale(domain=["Accuracy", "Mean confidence"], range=[ACCENT, SELECTED])
    color = alt.Color("measure:N", scale=scale, legend=alt.Legend(orient="top", title=None))
    return base.transform_calculate(measure=f"'{measure}'").encode(color=color)


def _unit() -> alt.Scale:
    return alt.Scale(domain=[0, 1], nice=False)


def _wide(**options: object) -> alt.Axis:
    return alt.Axis(minExtent=_EXTENT, **options)  # type: ignore[arg-type]


def _paper(dark: bool) -> str:
    """The colour of the page, which separates bars."""
    return "#11161c" if dark else "#ffffff"
