"""Tables to Altair charts. No Streamlit here: a chart can be tested, and drawn into a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from dashboard.core.calibration import Reliability

ACCENT = "#2f7dc8"  # at least 3:1 on white and on the dark background
MUTED = "#98a3ae"
SELECTED = "#e08a1e"
_LIGHT_CELLS = ("#eaf1f9", "#0d3a6e")  # from few to many
_DARK_CELLS = ("#1b2c3f", "#a9cdf0")
CELL = "cell"  # name of the confusion chart's selection
MOST_CLASSES = 40  # that are drawn one by one
OF_MANY = 20  # are chosen where there are more

Measure = Literal["count", "share"]


def _ink(dark: bool) -> str:
    return "#e6ebf0" if dark else "#1c2530"


def probability_bars(class_names: Sequence[str], pred_probs: np.ndarray, dark: bool) -> alt.LayerChart:
    """All classes by probability (K,), the highest in the accent colour; of many, the OF_MANY most probable ones."""
    table = pd.DataFrame({"class": list(class_names), "probability": pred_probs})
    if len(table) > MOST_CLASSES:
        table = table.nlargest(OF_MANY, "probability")
    table["top"] = table["probability"] == table["probability"].max()
    order = alt.EncodingSortField("probability", order="descending")
    base = alt.Chart(table).encode(
        y=alt.Y("class:N", sort=order, title=None, axis=alt.Axis(labelLimit=160, ticks=False, domain=False)),
        x=alt.X(
            "probability:Q",
            scale=alt.Scale(domain=[0, 1.12]),
            axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], title="Probability", grid=True),
        ),
        tooltip=[
            alt.Tooltip("class:N", title="Class"),
            alt.Tooltip("probability:Q", format=".2%", title="Probability"),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(
        color=alt.condition("datum.top", alt.value(ACCENT), alt.value(MUTED)),
    )
    text = base.mark_text(align="left", dx=5, color=_ink(dark)).encode(text=alt.Text("probability:Q", format=".1%"))
    return (bars + text).properties(height=26 * len(table) + 40)


def rest_of_bars(pred_probs: np.ndarray) -> str:
    """What `probability_bars` leaves out of (K,) probabilities, in words; "" for nothing."""
    if len(pred_probs) <= MOST_CLASSES:
        return ""
    rest = np.sort(pred_probs)[:-OF_MANY]
    return f"And {len(rest):,} more, together {rest.sum():.1%}."


def confusion_table(
    confusion: np.ndarray, class_names: Sequence[str], classes: np.ndarray | None = None
) -> pd.DataFrame:
    """Counts (K, K), rows true, as one row a cell: true_label, predicted_label, count, share of the true class.

    Args:
        classes: ids of those whose cells are wanted; None for all.
    """
    classes = np.arange(len(confusion)) if classes is None else classes
    totals = confusion.sum(axis=1, keepdims=True)[classes]  # also of what is in no cell
    confusion = confusion[np.ix_(classes, classes)]
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    rows, columns = np.indices(confusion.shape)
    names = np.asarray(class_names, dtype=object)[classes]
    return pd.DataFrame(
        {
            "true_label": names[rows.ravel()],
            "predicted_label": names[columns.ravel()],
            "count": confusion.ravel(),
            "share": shares.ravel(),
        }
    )


def confusion_chart(
    table: pd.DataFrame, class_names: Sequence[str], measure: Measure, hide_diagonal: bool, dark: bool
) -> alt.LayerChart:
    """True classes down, predicted across; cells can be clicked (selection `cell`), those without images are blank.

    Args:
        table: as `confusion_table` gives it.
    """
    shown = table[table["count"] > 0]
    if hide_diagonal:
        shown = shown[shown["true_label"] != shown["predicted_label"]]
    top = float(shown[measure].max()) if len(shown) else 1.0
    order = list(class_names)
    colours = _DARK_CELLS if dark else _LIGHT_CELLS
    few, many = _ink(dark), "#0b1a2b" if dark else "#ffffff"
    side = max(360, 44 * len(order))
    selection = alt.selection_point(
        name=CELL, fields=["true_label", "predicted_label"], on="click", clear="dblclick", empty=False
    )
    base = alt.Chart(shown).encode(
        x=alt.X(
            "predicted_label:N",
            sort=order,
            scale=alt.Scale(domain=order),
            title="Predicted class",
            axis=alt.Axis(labelAngle=-45, labelOverlap=False, labelFlush=False, ticks=False, domain=False, grid=False),
        ),
        y=alt.Y(
            "true_label:N",
            sort=order,
            scale=alt.Scale(domain=order),
            title="True class",
            axis=alt.Axis(labelFlush=False, labelOverlap=False, labelLimit=160, ticks=False, domain=False, grid=False),
        ),
        tooltip=[
            alt.Tooltip("true_label:N", title="True class"),
            alt.Tooltip("predicted_label:N", title="Predicted class"),
            alt.Tooltip("count:Q", format=",", title="Images"),
            alt.Tooltip("share:Q", format=".1%", title="Share of the true class"),
        ],
    )
    # a square root keeps the few wrong ones visible beside the diagonal
    scale = alt.Scale(type="pow", exponent=0.5, domain=[0, top], range=list(colours))
    cells = (
        base.mark_rect(cornerRadius=2, cursor="pointer")
        .encode(
            color=alt.Color(f"{measure}:Q", scale=scale, legend=None),
            stroke=alt.condition(selection, alt.value(SELECTED), alt.value("transparent")),
            strokeWidth=alt.value(3),
        )
        .add_params(selection)
    )
    label = base.mark_text(fontSize=12 if len(order) <= 12 else 9).encode(
        text=alt.Text(f"{measure}:Q", format="," if measure == "count" else ".1%"),
        color=alt.condition(f"datum.{measure} > {0.3 * top}", alt.value(many), alt.value(few)),
    )
    return (cells + label).properties(height=side)


def per_class_chart(per_class: pd.DataFrame) -> alt.LayerChart:
    """Precision and recall of each class as two points on a line; the class with the least F1 on top.

    Of more than MOST_CLASSES, only those with the least F1.
    """
    table = per_class.dropna(subset=["f1"]).sort_values("f1").head(MOST_CLASSES)
    order = table["class"].tolist()
    long = table.melt(["class", "images"], ["precision", "recall"], "measure", "value").dropna()
    low = float(long["value"].min()) if len(long) else 0.0
    scale = alt.Scale(domain=[max(0.0, np.floor(low * 20) / 20 - 0.05), 1.0], clamp=True)
    axis = alt.Axis(labelFlush=False, labelLimit=160, ticks=False, domain=False, grid=True)
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
        .mark_point(size=90, filled=True, opacity=1)
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
    return (line + points).properties(height=28 * max(1, len(order)) + 60)


def reliability_chart(reliability: Reliability, dark: bool) -> alt.LayerChart:
    """Accuracy by confidence: bars on the diagonal mean what they say; below it, the model is too sure."""
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
    table["surplus"] = np.where(table["confidence"] > table["accuracy"], "Too sure", "Not sure enough")
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
                scale=alt.Scale(domain=["Too sure", "Not sure enough"], range=[SELECTED, MUTED]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=tooltip,
        )
    )
    ideal = pd.DataFrame({"confidence": [0.0, 1.0], "accuracy": [0.0, 1.0]})
    diagonal = alt.Chart(ideal).mark_line(color=_ink(dark), strokeDash=[4, 4]).encode(x="confidence:Q", y="accuracy:Q")
    return (bars + gaps + diagonal).properties(height=320)
