"""The confusion matrix of an evaluation, with all classes or only the most confused ones."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from dashboard.charts.confusion import CELL, confusion_chart
from dashboard.charts.palette import MOST_CLASSES, OF_MANY
from dashboard.core.metrics.confusion import confused_classes, confusion_table, without_diagonal
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.runs.run import Run
from dashboard.ui.words import plain


def show_confusion(run: Run, evaluation: Evaluation) -> tuple[str, str] | None:
    """Draws the chart and returns the chosen cell (true, predicted) or None. The session keeps the choice."""
    st.markdown("**Confusion matrix**")
    with st.container(horizontal=True, vertical_alignment="center"):
        measure = st.segmented_control(
            "Show",
            ["Counts", "Share of the true class"],
            default="Counts",
            required=True,
            key="measure",
            label_visibility="collapsed",
            persist_state="session",
        )
        hide = st.toggle(
            "Only mistakes",
            key="hide-diagonal",
            help="Hides the diagonal, so that only mistakes have colours.",
            persist_state="session",
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
    run_id = run.manifest.run_id
    version = st.session_state.setdefault(f"cell-chosen-below-{run_id}", 0)
    key = f"confusion-{run_id}-{hide}-{around}-{version}"
    st.altair_chart(
        chart,
        width="stretch",
        on_select=partial(_take_clicked, run_id, key),
        selection_mode=CELL,
        key=key,
        alt="Confusion matrix: one row per true class, one column per predicted class, number of images in each cell",
    )
    if n_classes > MOST_CLASSES:
        _say_which(evaluation, classes, around)
    return _choose_cell(run_id, evaluation, classes)


def _cell_key(run_id: str) -> str:
    return f"cell-{run_id}"


def _take_clicked(run_id: str, chart_key: str) -> None:
    """Stores the cell that was clicked in the chart, or None if the selection was cleared."""
    picked = st.session_state[chart_key].get("selection", {}).get(CELL) or []
    st.session_state[_cell_key(run_id)] = (picked[0]["true_label"], picked[0]["predicted_label"]) if picked else None


def _choose_cell(run_id: str, evaluation: Evaluation, classes: np.ndarray) -> tuple[str, str] | None:
    """Offers the same choice in a select box: the shown cells that hold images, mistakes first."""
    names, confusion = evaluation.class_names, evaluation.confusion
    cells = [(true, predicted) for true in classes for predicted in classes if confusion[true, predicted]]
    cells.sort(key=lambda cell: (cell[0] == cell[1], -confusion[cell]))
    counts = {(names[true], names[predicted]): confusion[true, predicted] for true, predicted in cells}
    key = _cell_key(run_id)
    chosen = st.session_state.get(key)
    if chosen is not None and chosen not in counts:  # the cell is empty or not shown now
        counts[chosen] = confusion[names.index(chosen[0]), names.index(chosen[1])]

    def chart_anew() -> None:  # a new key clears the cell that was clicked before
        st.session_state[f"cell-chosen-below-{run_id}"] += 1

    cell: tuple[str, str] | None = st.selectbox(
        "Images of",
        list(counts),
        index=None,
        format_func=lambda cell: f"{cell[0]}, predicted {cell[1]} ({counts[cell]:,})",
        key=key,
        placeholder="Most confident mistakes",
        help="Choose a cell of the chart here, or click it in the chart.",
        on_change=chart_anew,
        persist_state="session",
    )
    return cell


def _choose_class(run_id: str, evaluation: Evaluation) -> int | None:
    """Offers to choose one class if there are too many to show all. Returns the id of the chosen class or None."""
    names = evaluation.class_names
    if len(names) <= MOST_CLASSES:
        return None
    chosen = st.selectbox(
        "Around one class",
        names,
        index=None,
        key=f"around-{run_id}",
        persist_state="session",
        placeholder="The most confused classes",
        help="Shows this class and the classes that it is confused with.",
        width=300,
    )
    return None if chosen is None else names.index(chosen)


def _say_which(evaluation: Evaluation, classes: np.ndarray, around: int | None) -> None:
    """Says which of the classes the chart shows."""
    n_classes = len(evaluation.class_names)
    if around is not None:
        name = plain(evaluation.class_names[around])
        st.caption(f"{name} and the classes that it is confused with most often, of {n_classes:,} classes.")
        return
    mistakes = without_diagonal(evaluation.confusion)
    if not mistakes.any():
        st.caption(f"The {len(classes)} classes with the most images, of {n_classes:,}. There are no mistakes.")
        return
    shown = mistakes[np.ix_(classes, classes)].sum()
    st.caption(
        f"The {len(classes)} most confused classes of {n_classes:,}, with {shown:,} of {mistakes.sum():,} mistakes."
    )
