"""The reliability diagram."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from dashboard.charts.palette import ACCENT, MUTED, SELECTED, ink
from dashboard.core.metrics.calibration import Reliability


def reliability_chart(reliability: Reliability, dark: bool) -> alt.LayerChart:
    """Accuracy per bin of confidence. Where a bar ends below the diagonal, the model is overconfident."""
    width = float(reliability.upper[0])
    table = pd.DataFrame(
        {
            "low": reliability.upper - width,
            "high": reliability.upper,
            "images": reliability.images,
            "confidence": reliability.confidence,
            "accuracy": reliability.accuracy,
        }
    ).query("images > 0")
    table["surplus"] = np.where(table["confidence"] > table["accuracy"], "Overconfident", "Underconfident")
    axis = alt.Axis(format=".0%")
    x = alt.X("low:Q", scale=alt.Scale(domain=[0, 1]), title="Confidence", axis=axis)
    tooltip = [
        alt.Tooltip("confidence:Q", title="Mean confidence", format=".1%"),
        alt.Tooltip("accuracy:Q", title="Accuracy", format=".1%"),
        alt.Tooltip("images:Q", title="Images", format=","),
    ]
    y = alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), title="Accuracy", axis=axis)
    bars = alt.Chart(table).mark_bar(color=ACCENT).encode(x=x, x2="high:Q", y=y, tooltip=tooltip)
    gaps = (
        alt.Chart(table)
        .mark_rule(strokeWidth=3)
        .encode(
            x=alt.X("confidence:Q"),
            y=alt.Y("accuracy:Q"),
            y2="confidence:Q",
            color=alt.Color(
                "surplus:N",
                title=None,
                scale=alt.Scale(domain=["Overconfident", "Underconfident"], range=[SELECTED, MUTED]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=tooltip,
        )
    )
    ideal = pd.DataFrame({"confidence": [0.0, 1.0], "accuracy": [0.0, 1.0]})
    diagonal = alt.Chart(ideal).mark_line(color=ink(dark), strokeDash=[4, 4]).encode(x="confidence:Q", y="accuracy:Q")
    return (bars + gaps + diagonal).properties(height=320)
