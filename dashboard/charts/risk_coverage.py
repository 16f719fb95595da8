"""The chart of risk and coverage: how many mistakes remain if only the most confident predictions are accepted."""

from __future__ import annotations

import altair as alt
import pandas as pd

from dashboard.charts.palette import ACCENT


def risk_coverage_chart(table: pd.DataFrame) -> alt.LayerChart:
    """Draws the share of mistakes among the accepted images over the share that is accepted, with its interval.

    Args:
        table: from `RiskCoverage.table`.
    """
    percent = alt.Axis(format=".0%")
    base = alt.Chart(table).encode(
        x=alt.X("coverage:Q", scale=alt.Scale(domain=[0, 1]), title="Accepted, the most confident first", axis=percent)
    )
    tooltip = [
        alt.Tooltip("threshold:Q", format=".1%", title="Confidence at least"),
        alt.Tooltip("coverage:Q", format=".1%", title="Accepted"),
        alt.Tooltip("risk:Q", format=".2%", title="Wrong among them"),
        alt.Tooltip("low:Q", format=".2%", title="95% interval from"),
        alt.Tooltip("high:Q", format=".2%", title="to"),
    ]
    most = float(table["risk"].max())
    top = min(1.0, max(0.02, 2 * most))  # the interval of the first few images would leave no room for the curve
    scale, axis = alt.Scale(domain=[0, top], clamp=True), alt.Axis(format="~%")
    y, low = (alt.Y(name, title="Wrong among them", scale=scale, axis=axis) for name in ("risk:Q", "low:Q"))
    band = base.mark_area(color=ACCENT, opacity=0.2, clip=True).encode(y=low, y2="high:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=2).encode(y=y)
    points = base.mark_point(size=140, opacity=0).encode(y=y, tooltip=tooltip)  # invisible, to show the tooltip
    return (band + line + points).properties(height=320)
