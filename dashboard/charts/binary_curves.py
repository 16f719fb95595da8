"""The ROC and the precision-recall curve of one class, with the chosen threshold."""

from __future__ import annotations

import altair as alt
import pandas as pd

from dashboard.charts.palette import ACCENT, MUTED, SELECTED

_UNIT = alt.Scale(domain=[0, 1], nice=False)
_AXIS = alt.Axis(format=".0%")
_TITLES = {
    "threshold": "Threshold", "false_positive_rate": "False positive rate", "recall": "Recall", "precision": "Precision",
}  # fmt: skip


def roc_chart(curve: pd.DataFrame, point: pd.DataFrame) -> alt.LayerChart:
    """Recall against the false positive rate, with the diagonal of guessing.

    Args:
        curve: see `BinaryCurve.table`.
        point: the row of the chosen threshold, with the columns of `curve` but the cost.
    """
    guessing = pd.DataFrame({"false_positive_rate": [0.0, 1.0], "recall": [0.0, 1.0]})
    return _chart(curve, point, guessing, "false_positive_rate", "recall")


def precision_recall_chart(curve: pd.DataFrame, point: pd.DataFrame, prevalence: float) -> alt.LayerChart:
    """Precision against recall, with the precision of guessing, which is the share of positive images."""
    guessing = pd.DataFrame({"recall": [0.0, 1.0], "precision": [prevalence, prevalence]})
    return _chart(
        curve.dropna(subset=["precision"]), point.dropna(subset=["precision"]), guessing, "recall", "precision"
    )


def cost_chart(curve: pd.DataFrame, threshold: float) -> alt.LayerChart:
    """The cost of the mistakes at each threshold, with a line at the chosen one.

    Costs that are far above those of calling every image, or no image, positive are cut off.
    """
    never, always = float(curve["cost"].iloc[0]), float(curve["cost"].iloc[-1])
    scale = alt.Scale(domain=[0, 1.25 * min(never, always) or 1], nice=False)
    table = curve[curve["threshold"] <= 1]
    x = alt.X("threshold:Q", scale=_UNIT, title="Threshold")
    line = (
        alt.Chart(table)
        .mark_line(color=ACCENT, interpolate="step-before", clip=True)
        .encode(x=x, y=alt.Y("cost:Q", title="Cost of all mistakes", scale=scale, axis=alt.Axis(format="~s")))
    )
    rule = alt.Chart(pd.DataFrame({"threshold": [threshold]})).mark_rule(color=SELECTED, strokeWidth=2)
    return (line + rule.encode(x="threshold:Q")).properties(height=300)


def _chart(curve: pd.DataFrame, point: pd.DataFrame, guessing: pd.DataFrame, across: str, up: str) -> alt.LayerChart:
    x = alt.X(f"{across}:Q", scale=_UNIT, axis=_AXIS, title=_TITLES[across])
    y = alt.Y(f"{up}:Q", scale=_UNIT, axis=_AXIS, title=_TITLES[up])
    tooltip = [alt.Tooltip("threshold:Q", title="Threshold", format=".3f")] + [
        alt.Tooltip(f"{name}:Q", title=_TITLES[name], format=".1%")
        for name in ("recall", "precision", "false_positive_rate")
    ]
    chance = alt.Chart(guessing).mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1).encode(x=x, y=y)
    base = alt.Chart(curve).encode(x=x, y=y, order="threshold:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=2)
    hover = base.mark_point(opacity=0, filled=True, size=160).encode(tooltip=tooltip)
    here = alt.Chart(point).mark_point(color=SELECTED, filled=True, size=140, opacity=1)
    return alt.layer(chance, line, hover, here.encode(x=x, y=y, tooltip=tooltip)).properties(height=300)
