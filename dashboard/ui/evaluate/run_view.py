"""One evaluation on the page: metrics, confusion matrix, images of a cell, and tabs with details."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.runs.run import Run, mistakes_first
from dashboard.services import Services
from dashboard.ui.evaluate.confusion_view import show_confusion
from dashboard.ui.evaluate.gallery import show_images
from dashboard.ui.evaluate.many_maps_view import show_bulk
from dashboard.ui.evaluate.tabs import show_tabs
from dashboard.ui.words import duration, local_time, plain

LINES_SHOWN = 12


def show_run(services: Services, run: Run) -> None:
    """Shows the metrics, the confusion matrix with the images of a cell, and the tabs."""
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
        st.warning(
            "These labels are not classes of this model. Their images were left out:", icon=":material/folder_off:"
        )
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
    elif len(run.evaluated):
        st.info("No image has a label that the model knows, so there is nothing to compare.", icon=":material/info:")
        _show_unlabelled(services, run, run.evaluated)
    show_tabs(services, run)


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
                help=f"With its 95% Wilson interval, from {a.n:,} images.",
            )
            st.metric(
                "Macro F1",
                f"{evaluation.macro_f1:.1%}",
                width=150,
                help="Mean F1 of the classes that occur as labels or predictions, with equal weights.",
            )
        st.metric("Images", f"{len(run.evaluated):,}", width=150, help="Images with a prediction.")
        st.metric(
            "Not evaluated",
            f"{len(run.failed):,}",
            width=170,
            help="Unreadable files, and images whose label is not a class. Listed below with the reason.",
        )


def _show_labelled(services: Services, run: Run, evaluation: Evaluation) -> None:
    """Shows the confusion matrix, and beside it the images of the chosen cell or the most confident mistakes."""
    left, right = st.columns([11, 10], gap="large")
    with left:
        cell = show_confusion(run, evaluation)
    with right:
        rows = mistakes_first(run.evaluated, cell)
        if cell is None:
            st.markdown(
                "**Most confident mistakes**",
                help="Wrong predictions, the most confident first. Click a cell of the chart to see its images.",
            )
        else:
            st.markdown(
                f"**True {plain(cell[0])}, predicted {plain(cell[1])}**",
                help="The most confident first. Double-click the chart or clear the box below it to see all mistakes.",
            )
        if rows.empty:
            st.info("No mistakes here." if cell is None else "No images in this cell.", icon=":material/check:")
        else:
            show_images(run, services.runs, rows, cell, with_classes=cell is None)
    show_bulk(services, run, rows)


def _choose_unlabelled(n_labelled: int, n_unlabelled: int) -> bool:
    """Says that only some images have a label. Returns True if the user chooses to see the others."""
    st.caption(
        f"Accuracy and the other metrics come from the {n_labelled:,} images with a label, of "
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
    """Shows images without a label, which can be filtered by predicted class."""
    counts = rows["predicted_label"].value_counts()
    titles = {"": f"any class ({len(rows):,})"}
    titles |= {str(name): f"{name} ({count:,})" for name, count in counts.items() if count}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        predicted_as = st.selectbox(
            "Predicted as", list(titles), format_func=lambda name: titles[name], key="predicted-as", width=240
        )
        first = st.segmented_control(
            "Sort by",
            ["Least confident", "Most confident"],
            default="Least confident",
            required=True,
            key="first",
            persist_state="session",
        )
    if predicted_as:
        rows = rows[rows["predicted_label"] == predicted_as]
    rows = rows.sort_values("confidence", ascending=first == "Least confident", kind="stable")
    show_images(run, services.runs, rows, (predicted_as, first), with_classes=not predicted_as)
    show_bulk(services, run, rows)
