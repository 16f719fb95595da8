"""TABS: a title, when it is shown, how it is drawn."""

from __future__ import annotations

import io

import streamlit as st

from dashboard.charts.calibration import reliability_chart
from dashboard.charts.palette import MOST_CLASSES
from dashboard.charts.per_class import per_class_chart
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.runs.export import safe_for_spreadsheets, write_csv
from dashboard.core.runs.run import Run
from dashboard.schemas.runs import RunRecord

FAILURES_SHOWN = 1000


def show_per_class(evaluation: Evaluation) -> None:
    """Precision, recall and F1 of each class."""
    left, right = st.columns(2, gap="large")
    with left:
        st.altair_chart(
            per_class_chart(evaluation.per_class),
            width="stretch",
            key="per-class",
            alt="Precision and recall of classes, the least F1 first",
        )
        if len(evaluation.class_names) > MOST_CLASSES:
            st.caption(f"At most {MOST_CLASSES} classes, those with the least F1; the table holds all.")
    scores = ["precision", "recall", "f1"]
    percent = evaluation.per_class.assign(**{name: 100 * evaluation.per_class[name] for name in scores})
    columns = {name: st.column_config.NumberColumn(name.capitalize(), format="%.1f %%") for name in scores}
    with right:
        st.dataframe(
            safe_for_spreadsheets(percent),
            hide_index=True,
            key="per-class-table",
            alt="Images, precision, recall and F1 of each class",
            height=36 * (min(len(percent), MOST_CLASSES) + 1),
            column_config={
                "class": "Class",
                "images": st.column_config.NumberColumn("Images", format="localized"),
                **columns,
            },
        )


def show_calibration(evaluation: Evaluation) -> None:
    """The reliability diagram and the expected calibration error."""
    if evaluation.reliability is None:
        st.caption("This evaluation was stored without it: evaluate again.")
        return
    figure, chart = st.columns([1, 3], gap="large")
    figure.metric(
        "Calibration error (ECE)",
        f"{evaluation.reliability.ece:.1%}",
        help="Mean distance of confidence and accuracy over 15 bins of confidence, weighted by their images. "
        "With few images, chance alone adds to it.",
    )
    figure.caption("Of the answers given with 80% confidence, 80% should be right: then bars end on the dashed line.")
    chart.altair_chart(
        reliability_chart(evaluation.reliability, st.context.theme.type == "dark"),
        width="stretch",
        key="reliability",
        alt="Accuracy by confidence, in 15 bins",
    )


def show_failures(run: Run) -> None:
    """The images without a prediction, and why."""
    if run.failed.empty:
        st.caption("Every image was evaluated.")
    else:
        columns = {"file": "File", "reason": "Reason"}
        table = safe_for_spreadsheets(run.detail(run.failed.head(FAILURES_SHOWN), list(columns)))
        st.dataframe(
            table, hide_index=True, column_config=columns, key="failed", alt="Files without a prediction, and why"
        )
        if len(run.failed) > len(table):
            st.caption(f"The first {len(table):,} of {len(run.failed):,}; the downloads hold all of them.")


def show_downloads(run: Run) -> None:
    """The run as files."""
    run_id = run.manifest.run_id
    with st.container(horizontal=True):
        st.download_button(
            "Predictions (CSV)",
            lambda: predictions_csv(run),
            f"{run_id}.csv",
            "text/csv",
            key="download-csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Result (JSON)",
            lambda: RunRecord.of(run).to_text(),
            f"{run_id}.json",
            "application/json",
            key="download-json",
            icon=":material/download:",
            on_click="ignore",
        )
    st.caption(
        "CSV: one row an image with its label, prediction, confidence, all probabilities and, where it failed, the reason."
    )


def predictions_csv(run: Run) -> bytes:
    """One row an image, see `write_csv`."""
    out = io.BytesIO()
    write_csv(run, out)
    return out.getvalue()
