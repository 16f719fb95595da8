"""One evaluation on the page: figures, confusion, the images behind a cell, details, downloads."""

from __future__ import annotations

import io
import json

import pandas as pd
import streamlit as st

from dashboard.core.metrics import Evaluation
from dashboard.core.run_export import run_record, safe_for_spreadsheets, write_csv
from dashboard.core.runs import Run, mistakes_first
from dashboard.ui.bulk_view import show_bulk
from dashboard.ui.charts import MOST_CLASSES, per_class_chart, reliability_chart
from dashboard.ui.components import duration, local_time, plain
from dashboard.ui.confusion_view import show_confusion
from dashboard.ui.gallery import show_images
from dashboard.ui.resources import Services

FAILURES_SHOWN = 1000
LINES_SHOWN = 12


def show_run(services: Services, run: Run) -> None:
    """Figures, confusion with the images behind it, details."""
    manifest = run.manifest
    took = f", took {duration(manifest.seconds)}" if manifest.state != "running" else ""
    st.text(f"{manifest.dataset_name}, {manifest.model}, {local_time(manifest.created_utc)}{took}")
    if manifest.state != "finished":
        st.warning(
            f"Not finished: {len(run.table):,} of {manifest.n_images:,} images are done.",
            icon=":material/info:",
        )
        if manifest.message:
            st.text(manifest.message)
    if run.table.empty:
        return
    if manifest.unknown_labels:
        st.warning("Some labels are no class of this model; their images were left out:", icon=":material/folder_off:")
        many = len(manifest.unknown_labels) > LINES_SHOWN
        st.code("\n".join(manifest.unknown_labels), language=None, height=300 if many else "content")
    if manifest.notes:
        st.caption(plain(" ".join(manifest.notes)))
    evaluation = run.evaluation()
    _show_figures(run, evaluation)
    if evaluation:
        unlabelled = run.evaluated[run.evaluated["true_label"].isna()]
        if len(unlabelled) and _choose_unlabelled(evaluation.accuracy.n, len(unlabelled)):
            _show_unlabelled(services, run, unlabelled)
        else:
            _show_labelled(services, run, evaluation)
        details, calibration, failures, downloads = st.tabs(
            ["Per class", "Calibration", f"Not evaluated ({len(run.failed):,})", "Downloads"], key="details"
        )
        with details:
            _show_per_class(evaluation)
        with calibration:
            _show_calibration(evaluation)
    else:
        if len(run.evaluated):
            st.info(
                "The images carry no labels the model knows, so there is nothing to compare.", icon=":material/info:"
            )
            _show_unlabelled(services, run, run.evaluated)
        failures, downloads = st.tabs([f"Not evaluated ({len(run.failed):,})", "Downloads"], key="details")
    with failures:
        _show_failures(run)
    with downloads:
        _show_downloads(run)


def _show_figures(run: Run, evaluation: Evaluation | None) -> None:
    with st.container(horizontal=True, key="figures"):
        if evaluation:
            a = evaluation.accuracy
            st.metric(
                "Accuracy",
                f"{a.value:.1%}",
                f"{100 * a.low:.1f}-{100 * a.high:.1f} %",
                delta_color="off",
                delta_arrow="off",
                width=190,
                help=f"With its 95% interval (Wilson) from {a.n:,} images.",
            )
            st.metric(
                "Macro F1",
                f"{evaluation.macro_f1:.1%}",
                width=150,
                help="Mean of the classes' F1, each counting the same.",
            )
        st.metric("Images", f"{len(run.evaluated):,}", width=150, help="With a prediction.")
        st.metric(
            "Not evaluated",
            f"{len(run.failed):,}",
            width=170,
            help="Unreadable files and folders that are no class, listed below with the reason.",
        )


def _show_labelled(services: Services, run: Run, evaluation: Evaluation) -> None:
    """The confusion, and beside it the images of the clicked cell or the worst mistakes of all."""
    left, right = st.columns([11, 10], gap="large")
    with left:
        cell = show_confusion(run, evaluation)
    with right:
        rows = mistakes_first(run.evaluated, cell)
        if cell is None:
            st.markdown(
                "**Worst mistakes**",
                help="Wrong answers, the surest first. Click a cell of the chart to see its images.",
            )
        else:
            st.markdown(
                f"**True {plain(cell[0])}, predicted {plain(cell[1])}**",
                help="The surest first. Double-click the chart, or clear the box below it, to see the worst mistakes.",
            )
        if rows.empty:
            st.info("No mistakes here." if cell is None else "No images in this cell.", icon=":material/check:")
        else:
            show_images(run, services.runs, rows, cell, with_classes=cell is None)
    show_bulk(services, run, rows)


def _choose_unlabelled(n_labelled: int, n_unlabelled: int) -> bool:
    """Where only some images can be compared: says so, and lets the others be looked at."""
    st.caption(
        f"Accuracy and all that is compared come from the {n_labelled:,} images with a label, of "
        f"{n_labelled + n_unlabelled:,}."
    )
    titles = {False: f"With a label ({n_labelled:,})", True: f"Without ({n_unlabelled:,})"}
    return bool(
        st.segmented_control(
            "Images",
            list(titles),
            format_func=lambda without: titles[without],
            default=False,
            required=True,
            key="unlabelled",
            persist_state="session",
        )
    )


def _show_unlabelled(services: Services, run: Run, rows: pd.DataFrame) -> None:
    """What these images were taken for, class by class."""
    counts = rows["predicted_label"].value_counts()
    titles = {"": f"any class ({len(rows):,})"}
    titles |= {str(name): f"{name} ({count:,})" for name, count in counts.items() if count}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        taken_for = st.selectbox(
            "Taken for", list(titles), format_func=lambda name: titles[name], key="taken-for", width=240
        )
        first = st.segmented_control(
            "First", ["Least sure", "Surest"], default="Least sure", required=True, key="first", persist_state="session"
        )
    if taken_for:
        rows = rows[rows["predicted_label"] == taken_for]
    rows = rows.sort_values("confidence", ascending=first == "Least sure", kind="stable")
    show_images(run, services.runs, rows, (taken_for, first), with_classes=not taken_for)
    show_bulk(services, run, rows)


def _show_per_class(evaluation: Evaluation) -> None:
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


def _show_calibration(evaluation: Evaluation) -> None:
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


def _show_failures(run: Run) -> None:
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


def _show_downloads(run: Run) -> None:
    run_id = run.manifest.run_id
    with st.container(horizontal=True):
        st.download_button(
            "Predictions (CSV)",
            lambda: _predictions_csv(run),
            f"{run_id}.csv",
            "text/csv",
            key="download-csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Result (JSON)",
            lambda: json.dumps(run_record(run), indent=2, ensure_ascii=False),
            f"{run_id}.json",
            "application/json",
            key="download-json",
            icon=":material/download:",
            on_click="ignore",
        )
    st.caption(
        "CSV: one row an image with its label, prediction, confidence, all probabilities and, where it failed, the reason."
    )


def _predictions_csv(run: Run) -> bytes:
    out = io.BytesIO()
    write_csv(run, out)
    return out.getvalue()
