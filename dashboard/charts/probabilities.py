"""The chart of the probabilities of one image."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from dashboard.charts.palette import ACCENT, MOST_CLASSES, MUTED, OF_MANY, ink
from dashboard.core.metrics.percent import percent

_TEXT_PX = 46


def probability_bars(class_names: Sequence[str], pred_probs: np.ndarray, dark: bool) -> alt.LayerChart:
    """Draws a bar per class, sorted by probability (K,), the highest in the accent colour.

    If there are more than MOST_CLASSES classes, draws only the OF_MANY highest.
    """
    table = pd.DataFrame({"class": list(class_names), "probability": pred_probs})
    table = table.nlargest(OF_MANY if len(table) > MOST_CLASSES else len(table), "probability")
    table["top"] = table["probability"] == table["probability"].max()
    table["text"] = [percent(probability) for probability in table["probability"]]
    base = alt.Chart(table).encode(
        y=alt.Y(
            "class:N",
            sort=None,
            # without it, Vega keeps the order of the image that was drawn before
            scale=alt.Scale(domain=list(table["class"])),
            title=None,
            axis=alt.Axis(labelLimit=160, labelOverlap=False, ticks=False, domain=False),
        ),
        x=alt.X(
            "probability:Q",
            # the room for "100.0%" beside the longest bar, however wide the chart is
            scale=alt.Scale(domain=[0, 1], range=[0, alt.ExprRef(f"max(width - {_TEXT_PX}, 0)")]),
            axis=alt.Axis(
                format=".0%", values=[0, 0.25, 0.5, 0.75, 1], title="Probability", grid=True, labelFlush=False
            ),
        ),
        tooltip=[
            alt.Tooltip("class:N", title="Class"),
            alt.Tooltip("probability:Q", format=".2%", title="Probability"),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(
        color=alt.condition("datum.top", alt.value(ACCENT), alt.value(MUTED)),
    )
    text = base.mark_text(align="left", dx=5, color=ink(dark)).encode(text="text:N")
    return (bars + text).properties(height=26 * len(table) + 75)  # with the axis


def rest_of_bars(pred_probs: np.ndarray) -> str:
    """A sentence on the classes that `probability_bars` leaves out of probabilities (K,); "" if it leaves out none."""
    if len(pred_probs) <= MOST_CLASSES:
        return ""
    rest = np.sort(pred_probs)[:-OF_MANY]
    return f"And {len(rest):,} more, together {percent(rest.sum())}."
