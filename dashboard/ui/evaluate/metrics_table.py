"""The table of all metrics with their intervals."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.core.metrics.definitions import METRICS, ONE_LABEL
from dashboard.core.metrics.scores import Score


def show_metrics(scores: Mapping[str, Score]) -> None:
    """Shows a table of metrics."""
    st.caption("The intervals are Wilson's for shares of images, and the bootstrap's for all other metrics.")
    if not all(score.is_meaningful for score in scores.values()):
        st.caption(ONE_LABEL)
    rows = [
        (
            metric.title,
            metric.text(score.value),
            metric.interval(score.low, score.high),
            metric.explanation,
        )
        for metric in METRICS
        if (score := scores.get(metric.name))
    ]
    st.dataframe(
        pd.DataFrame(rows, columns=["Metric", "Value", "95% interval", "What it is"]),
        hide_index=True,
        key="metrics-table",
        height=36 * (len(rows) + 1) + 2,
        alt="All metrics with their 95% intervals",
        column_config={"What it is": st.column_config.TextColumn(width="large")},
    )
