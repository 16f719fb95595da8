"""How far the confidence of each can be trusted."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.calibration import reliability_chart
from dashboard.core.analysis.comparison import Comparison
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.percent import percent
from dashboard.ui.words import plain


def show_confidence(comparison: Comparison) -> None:
    """Shows both reliability diagrams side by side."""
    for place, name, side in zip(st.columns(2, gap="large"), "AB", (comparison.a, comparison.b), strict=True):
        with place:
            st.markdown(f"**{name}: {plain(side.manifest.model)}**")
            if side.bins is None:
                st.caption("There are no probabilities.")
                continue
            ece = side.scores["ece15"]
            interval = BY_NAME["ece15"].interval(ece.low, ece.high, ece.n)
            st.caption(f"Calibration error (ECE) {percent(ece.value)}, {interval}")
            st.altair_chart(
                reliability_chart(side.bins, st.context.theme.type == "dark"),
                width="stretch",
                key=f"reliability-{name}",
                alt=f"Reliability diagram of {name}: accuracy for each range of confidence",
            )
