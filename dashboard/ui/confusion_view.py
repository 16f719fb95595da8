"""The confusion of an evaluation: all classes, or of many those that are confused most often."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.core.confused_classes import confused_classes, without_diagonal
from dashboard.core.metrics import Evaluation
from dashboard.core.runs import Run
from dashboard.ui.charts import CELL, MOST_CLASSES, OF_MANY, confusion_chart, confusion_table
from dashboard.ui.components import plain


def show_confusion(run: Run, evaluation: Evaluation) -> tuple[str, str] | None:
    """The chart; returns the clicked cell (true, predicted)."""
    st.markdown("**What is taken for what**")
    with st.container(horizontal=True, vertical_alignment="center"):
        measure = st.segmented_control(
            "Show",
            ["Counts", "Share of the true class"],
            default="Counts",
            required=True,
            key="measure",
            label_visibility="collapsed",
        )
        hide = st.toggle(
            "Only mistakes", key="hide-diagonal", help="Hides the diagonal, so that the colours show mistakes."
        )
    around = _choose_class(run.manifest.run_id, evaluation)
    n_classes = len(evaluation.class_names)
    classes = confused_classes(evaluation.confusion, n_classes if n_classes <= MOST_CLASSES else OF_MANY, around)
    chart = confusion_chart(
        confusion_table(evaluation.confusion, evaluation.class_names, classes),
        [evaluation.class_names[i] for i in classes],
        "count" if measure == "Counts" else "share",
        hide,
        st.context.theme.type == "dark",
    )
    event = st.altair_chart(
        chart,
        width="stretch",
        on_select="rerun",
        selection_mode=CELL,
        key=f"confusion-{run.manifest.run_id}-{hide}" + ("" if around is None else f"-{around}"),
        alt="Confusion: true classes down, predicted classes across, number of images in each cell",
    )
    if n_classes > MOST_CLASSES:
        _say_which(evaluation, classes, around)
    picked = event.get("selection", {}).get(CELL) or []
    return (picked[0]["true_label"], picked[0]["predicted_label"]) if picked else None


def _choose_class(run_id: str, evaluation: Evaluation) -> int | None:
    """Id of the class that the chart is about, where there are too many to show them all."""
    names = evaluation.class_names
    if len(names) <= MOST_CLASSES:
        return None
    chosen = st.selectbox(
        "Around one class",
        names,
        index=None,
        key=f"around-{run_id}",
        placeholder="Those confused most often",
        help="Shows the classes that this one is confused with.",
        width=300,
    )
    return None if chosen is None else names.index(chosen)


def _say_which(evaluation: Evaluation, classes: np.ndarray, around: int | None) -> None:
    """Which of the classes the chart shows."""
    n_classes = len(evaluation.class_names)
    if around is not None:
        name = plain(evaluation.class_names[around])
        st.caption(f"{name} and, of the {n_classes:,} classes, those that it is confused with most often.")
        return
    mistakes = without_diagonal(evaluation.confusion)
    shown = mistakes[np.ix_(classes, classes)].sum()
    st.caption(
        f"{len(classes)} of {n_classes:,} classes, those of the pairs that are confused most often: "
        f"{shown:,} of {mistakes.sum():,} mistakes."
    )
