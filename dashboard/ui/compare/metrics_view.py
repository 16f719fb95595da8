"""The metrics of both runs side by side, with the difference of each."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.core.analysis.comparison import Comparison, Side
from dashboard.core.analysis.comparison_words import MetricRow, few_images, metric_rows
from dashboard.core.metrics.definitions import ONE_LABEL
from dashboard.core.metrics.scores import LEAST_DIFFERENT
from dashboard.ui.table_height import table_height
from dashboard.ui.words import WHAT_METRICS_ARE


def show_metrics(comparison: Comparison) -> None:
    """Shows a row for each metric, and the speed of both below."""
    table = pd.DataFrame(
        {
            "Metric": row.metric.title,
            # before both sides, since a narrow screen shows only the first columns
            "B minus A": row.difference,
            "95% interval": row.interval,
            "Better": row.better,
            "A": _with_interval(row, comparison.a),
            "B": _with_interval(row, comparison.b),
        }
        for row in metric_rows(comparison)
    )
    st.caption("Each metric with its 95% interval.", help=WHAT_METRICS_ARE)
    st.dataframe(
        table,
        hide_index=True,
        height=table_height(len(table), len(table)),
        column_config={
            "B minus A": st.column_config.TextColumn(help="In percentage points, or as it is for other metrics."),
            "95% interval": st.column_config.TextColumn(help="Of the difference."),
            "Better": st.column_config.TextColumn(
                help="Unclear if the difference is not significant. For the accuracy of two evaluations, McNemar's test "
                "decides this. Otherwise, the interval of the difference contains 0. Where the answers to fewer than "
                f"{LEAST_DIFFERENT} images differ, only shares and metrics of the probabilities are compared."
            ),
        },
        alt="Metrics of both evaluations with 95% intervals, and their differences",
    )
    if not all(score.is_meaningful for score in comparison.differences.values()):
        st.caption(ONE_LABEL)
    if few := few_images(comparison):
        st.caption(few)
    _show_speed(comparison)


def _with_interval(row: MetricRow, side: Side) -> str:
    score = side.scores[row.metric.name]
    if not score.is_meaningful:
        return "-"
    value, low, high = (row.metric.text(each, row.decimals) for each in (score.value, score.low, score.high))
    if not score.has_interval:
        return value
    return f"{value} ({low.removesuffix('%')}-{high.removesuffix('%')})"


def _show_speed(comparison: Comparison) -> None:
    a, b = comparison.a, comparison.b
    if a.images_per_second and b.images_per_second:
        st.caption(f"Speed, as measured when each was evaluated: A {_speed(a)}; B {_speed(b)}.")


def _speed(side: Side) -> str:
    return f"{side.images_per_second:,.0f} images per second ({side.manifest.seconds:,.1f} s)"
