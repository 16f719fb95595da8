"""The tab that compares confidence with accuracy."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.calibration import reliability_chart
from dashboard.core.runs.run import Run
from dashboard.services import Services


def show_calibration(services: Services, run: Run) -> None:
    """The reliability diagram and the expected calibration error, for a run with an evaluation."""
    evaluation = run.evaluation()
    assert evaluation is not None
    if evaluation.reliability is None:
        st.caption("This evaluation was stored without calibration: evaluate again.")
        return
    figure, chart = st.columns([1, 3], gap="large")
    figure.metric(
        "Calibration error (ECE)",
        f"{evaluation.reliability.ece:.1%}",
        help="Mean difference of confidence and accuracy over 15 bins of confidence, weighted by their number of images. "
        "With few images, chance alone adds to it.",
    )
    figure.caption(
        "Of the predictions with 80% confidence, 80% should be correct: then the bars end on the dashed line."
    )
    chart.altair_chart(
        reliability_chart(evaluation.reliability, st.context.theme.type == "dark"),
        width="stretch",
        key="reliability",
        alt="Accuracy by confidence, in 15 bins",
    )
