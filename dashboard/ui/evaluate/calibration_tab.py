"""The tab that compares confidence with accuracy."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.calibration import reliability_chart
from dashboard.core.runs.run import Run
from dashboard.services import Services


def show_calibration(services: Services, run: Run) -> None:
    """Shows the reliability diagram and the expected calibration error of a run with labels."""
    evaluation = run.evaluation()
    assert evaluation is not None
    if evaluation.reliability is None:
        st.caption("This evaluation was stored without calibration. Evaluate the dataset again.")
        return
    figure, chart = st.columns([1, 3], gap="large")
    figure.metric(
        "Calibration error (ECE)",
        f"{evaluation.reliability.ece:.1%}",
        help="Mean distance between confidence and accuracy over 15 bins of confidence, weighted by images. "
        "With few images, chance alone increases it.",
    )
    figure.caption("Of the predictions with 80% confidence, 80% should be right. The bars then end on the dashed line.")
    chart.altair_chart(
        reliability_chart(evaluation.reliability, st.context.theme.type == "dark"),
        width="stretch",
        key="reliability",
        alt="Accuracy per bin of confidence, in 15 bins",
    )
