"""The risk-coverage curve: how many accepted predictions are wrong, the more of them are accepted."""

from __future__ import annotations

import altair as alt
import pandas as pd

from dashboard.charts.palette import ACCENT, SELECTED, ink

_LEAST_COVERAGE = 0.05  # the height of the chart ignores the wide intervals of the few images to the left of this


def risk_coverage_chart(
    curve: pd.DataFrame, coverage: float, risk: float | None, label: str, dark: bool
) -> alt.LayerChart:
    """Draws the curve with its interval, and a point on it.

    Args:
        curve: see `RiskCoverage.table`.
        coverage, risk: where the point is. Without a risk there is no point.
        label: the text beside the point.
    """
    top = float(curve.loc[curve["coverage"] >= _LEAST_COVERAGE, "high"].max())
    x = alt.X("coverage:Q", scale=alt.Scale(domain=[0, 1], nice=False), title="Accepted", axis=alt.Axis(format=".0%"))
    y_scale = alt.Scale(domain=[0, max(1.1 * top, 0.01)], nice=False)
    axis = alt.Axis(format=".1%" if top < 0.05 else ".0%")
    y = alt.Y("risk:Q", scale=y_scale, title="Of these wrong", axis=axis)
    base = alt.Chart(curve).encode(x=x)
    band = base.mark_area(color=ACCENT, opacity=0.18, clip=True).encode(y=alt.Y("low:Q", scale=y_scale), y2="high:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=2, clip=True).encode(y=y)
    hover = base.mark_point(size=160, opacity=0, filled=True, clip=True).encode(
        y=y,
        tooltip=[
            alt.Tooltip("threshold:Q", title="Confidence of at least", format=".3f"),
            alt.Tooltip("coverage:Q", title="Accepted", format=".1%"),
            alt.Tooltip("risk:Q", title="Of these wrong", format=".2%"),
            alt.Tooltip("low:Q", title="at least (95%)", format=".2%"),
            alt.Tooltip("high:Q", title="at most (95%)", format=".2%"),
        ],
    )
    layers = [band, line, hover]
    if risk is not None:
        here = alt.Chart(pd.DataFrame({"coverage": [coverage], "risk": [risk], "label": [label]})).encode(
            x="coverage:Q", y="risk:Q"
        )
        layers.append(here.mark_point(color=SELECTED, filled=True, size=140, opacity=1))
        side: dict[str, object] = {"align": "right", "dx": -10} if coverage > 0.5 else {"align": "left", "dx": 10}
        layers.append(here.mark_text(color=ink(dark), dy=-12, **side).encode(text="label:N"))  # type: ignore[arg-type]
    return alt.layer(*layers).properties(height=320)
