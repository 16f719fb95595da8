"""The metrics of both runs side by side, with the difference of each."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.core.analysis.comparison import Comparison, Side
from dashboard.core.analysis.comparison_words import is_better
from dashboard.core.metrics.definitions import METRICS, ONE_LABEL, Definition, chance_notes
from dashboard.core.metrics.scores import Score
from dashboard.ui.words import WHAT_METRICS_ARE


def show_metrics(comparison: Comparison) -> None:
    """Shows a row for each metric, and the speed of both below."""
    rows = []
    for metric in METRICS:
        if difference := comparison.differences.get(metric.name):
            a, b = (side.scores[metric.name] for side in (comparison.a, comparison.b))
            rows.append(
                {
                    "Metric": metric.title,
                    **_difference(metric, difference),  # first, since a narrow screen shows only the first columns
                    "A": _with_interval(metric, a),
                    "B": _with_interval(metric, b),
                }
            )
    table = pd.DataFrame(rows)
    st.caption("Each metric with its 95% interval.", help=WHAT_METRICS_ARE)
    st.dataframe(
        table,
        hide_index=True,
        height=35 * (len(table) + 1) + 3,
        column_config={
            "B minus A": st.column_config.TextColumn(help="In percentage points, or as it is for other metrics."),
            "95% interval": st.column_config.TextColumn(help="Of the difference, by the bootstrap."),
            "Better": st.column_config.TextColumn(help="Unclear if the interval contains 0."),
        },
        alt="Metrics of both evaluations with 95% intervals, and their differences",
    )
    if not all(score.is_meaningful for score in comparison.differences.values()):
        st.caption(ONE_LABEL)
    if few := chance_notes(dict.fromkeys(comparison.differences, min(comparison.a.n, comparison.b.n))):
        st.caption(few)
    _show_speed(comparison)


def _difference(metric: Definition, difference: Score) -> dict[str, str]:
    """The cells of a row about the difference."""
    if not difference.is_meaningful:
        return {"B minus A": "-", "95% interval": "-", "Better": "-"}
    return {
        "B minus A": metric.difference(difference.value),
        "95% interval": metric.difference_bounds(difference.low, difference.high),
        "Better": is_better(metric, difference) or "unclear",
    }


def _with_interval(metric: Definition, score: Score) -> str:
    if not score.is_meaningful:
        return "-"
    low, high = (metric.text(bound).removesuffix("%") for bound in (score.low, score.high))
    return f"{metric.text(score.value)} ({low}-{high})"


def _show_speed(comparison: Comparison) -> None:
    known = [("A", comparison.a), ("B", comparison.b)]
    if any(side.images_per_second for _, side in known):
        st.caption(
            "Speed, as measured when each was evaluated: "
            + "; ".join(f"{name} {_speed(side)}" for name, side in known)
            + "."
        )


def _speed(side: Side) -> str:
    if side.images_per_second is None:
        return "unknown"
    return f"{side.images_per_second:,.0f} images per second ({side.manifest.seconds:,.1f} s)"
