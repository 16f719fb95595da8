"""The view of all metrics, and of the classes one by one."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.charts.palette import MOST_CLASSES
from dashboard.charts.per_class import per_class_chart
from dashboard.core.metrics.definitions import METRICS
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.evaluate.chosen_images import cell, choose_images
from dashboard.ui.evaluate.images_view import show_images


def show_classes(services: Services, run: Run) -> None:
    """Shows all metrics with their intervals, and precision, recall and F1 of each class; a click shows its images."""
    _show_metrics(run.scores)
    _show_per_class(run)
    show_images(services, run)


def _show_metrics(scores: dict[str, Score]) -> None:
    st.markdown("**Metrics**", help="With 95% intervals: Wilson's for shares of images, bootstrap for the others.")
    rows = [
        (
            metric.title,
            metric.text(score.value),
            f"{metric.text(score.low)} to {metric.text(score.high)}",
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


def _show_per_class(run: Run) -> None:
    evaluation = run.evaluation()
    assert evaluation is not None
    run_id, scores = run.manifest.run_id, ["precision", "recall", "f1"]
    st.markdown("**Classes**", help="Select a row to see the images with this label below.")
    percent = evaluation.per_class.assign(**{name: 100 * evaluation.per_class[name] for name in scores})
    percent = percent.sort_values("f1", kind="stable")
    key = f"per-class-table-{run_id}-{hash(run.conditions)}"

    def take_row() -> None:
        rows = st.session_state[key].get("selection", {}).get("rows", [])
        choose_images(run_id, cell(str(percent["class"].iloc[rows[0]]), None) if rows else [])

    left, right = st.columns(2, gap="large")
    left.dataframe(
        safe_for_spreadsheets(percent),
        hide_index=True,
        key=key,
        on_select=take_row,
        selection_mode="single-row",
        alt="Images, precision, recall and F1 per class",
        height=min(36 * (len(percent) + 1) + 2, 400),
        column_config={
            "class": "Class",
            "images": st.column_config.NumberColumn("Images", format="localized"),
            **{name: st.column_config.NumberColumn(name.capitalize(), format="%.1f %%") for name in scores},
        },
    )
    right.altair_chart(
        per_class_chart(evaluation.per_class),
        width="stretch",
        key="per-class",
        alt="Precision and recall per class, the lowest F1 first",
    )
    if len(evaluation.class_names) > MOST_CLASSES:
        st.caption(f"The chart shows at most {MOST_CLASSES} classes, those with the lowest F1. The table shows all.")
