"""The table of all metrics with their intervals."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.core.metrics.definitions import BY_NAME, METRICS, OF_FEW_IMAGES, ONE_LABEL
from dashboard.core.metrics.scores import Score
from dashboard.ui.table_height import table_height
from dashboard.ui.words import WHAT_METRICS_ARE


def show_metrics(scores: Mapping[str, Score]) -> None:
    """Shows a table of metrics."""
    st.caption(
        "The intervals are Wilson's for shares of images, and the bootstrap's for all other metrics. "
        f"{OF_FEW_IMAGES} The calibration errors (ECE) differ in their bins: 15 of equal width, 15 with equally many images, "
        "or 10 of equal width. "
        f"AURC: {BY_NAME['aurc'].explanation} AUROC and average precision of each class are in the view Confidence, under "
        "Curves.",
        help=WHAT_METRICS_ARE,
    )
    if not all(score.is_meaningful for score in scores.values()):
        st.caption(ONE_LABEL)
    rows = [
        (
            metric.title,
            metric.text(score.value),
            metric.interval(score.low, score.high, score.n),
        )
        for metric in METRICS
        if (score := scores.get(metric.name))
    ]
    st.dataframe(
        pd.DataFrame(rows, columns=["Metric", "Value", "95% interval"]),
        hide_index=True,
        key="metrics-table",
        height=table_height(len(rows), len(rows)),
        column_config={"95% interval": st.column_config.TextColumn(width="large")},
        alt="All metrics with their 95% intervals",
    )
