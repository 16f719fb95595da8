"""The tab with the metrics per class."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.palette import MOST_CLASSES
from dashboard.charts.per_class import per_class_chart
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.run import Run
from dashboard.services import Services


def show_per_class(services: Services, run: Run) -> None:
    """Shows precision, recall and F1 of each class, for a run with labels."""
    evaluation = run.evaluation()
    assert evaluation is not None
    left, right = st.columns(2, gap="large")
    with left:
        st.altair_chart(
            per_class_chart(evaluation.per_class),
            width="stretch",
            key="per-class",
            alt="Precision and recall per class, the lowest F1 first",
        )
        if len(evaluation.class_names) > MOST_CLASSES:
            st.caption(
                f"The chart shows at most {MOST_CLASSES} classes, those with the lowest F1. The table shows all."
            )
    scores = ["precision", "recall", "f1"]
    percent = evaluation.per_class.assign(**{name: 100 * evaluation.per_class[name] for name in scores})
    columns = {name: st.column_config.NumberColumn(name.capitalize(), format="%.1f %%") for name in scores}
    with right:
        st.dataframe(
            safe_for_spreadsheets(percent),
            hide_index=True,
            key="per-class-table",
            alt="Images, precision, recall and F1 per class",
            height=36 * (min(len(percent), MOST_CLASSES) + 1),
            column_config={
                "class": "Class",
                "images": st.column_config.NumberColumn("Images", format="localized"),
                **columns,
            },
        )
