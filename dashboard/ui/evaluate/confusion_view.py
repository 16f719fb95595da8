"""The confusion matrix of an evaluation, with all classes or only the most confused ones, and the ranked confused pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
import streamlit as st

from dashboard.charts.confusion import ALL, CELL, Measure, confusion_chart
from dashboard.charts.palette import MOST_CLASSES, OF_MANY
from dashboard.core.metrics.confusion import (
    Order,
    confused_classes,
    confused_pairs,
    confusion_sums,
    confusion_table,
    in_order,
    without_diagonal,
)
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.filtering import by_answers
from dashboard.core.runs.filters import Filter, as_texts
from dashboard.core.runs.run import Run
from dashboard.ui.address import page_entered, went_in_history
from dashboard.ui.evaluate.chosen_images import (
    MISTAKES,
    cell,
    choose_images,
    chosen_images,
    labelled_only,
    selection_key,
)
from dashboard.ui.session import remembered, rows_key
from dashboard.ui.table_height import table_height
from dashboard.ui.words import in_percents, plain

_MEASURES: dict[Measure, str] = {
    "count": "Counts", "share_of_true": "Share of the label", "share_of_predicted": "Share of the prediction",
}  # fmt: skip
_ORDERS: dict[Order, str] = {
    "model": "as in the model", "name": "by name", "images": "by number of images", "confused": "confused classes together",
}  # fmt: skip
_PAIRS_SHOWN = 200
T = TypeVar("T", bound=str)


def show_confusion(run: Run, evaluation: Evaluation) -> None:
    """Draws the chart. A click on a cell, or on a sum, chooses its images."""
    run_id = run.manifest.run_id
    st.header("Confusion matrix", anchor=False, help="Click a cell to see its images, or a sum for a row or a column.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = _one_of("Show", _MEASURES, "measure")
        order = _one_of("Order", _ORDERS, "order")
        hide = st.toggle(
            "Only mistakes", key="hide-diagonal", help="Hides the diagonal, so that the colours show only mistakes.",
            persist_state="session",
        )  # fmt: skip
        log = st.toggle(
            "Log colours",
            key="log-colour",
            help="A logarithmic colour scale, which shows differences between small numbers.",
            persist_state="session",
        )
    around = _choose_class(run_id, evaluation)
    n_classes = len(evaluation.class_names)
    classes = confused_classes(evaluation.confusion, n_classes if n_classes <= MOST_CLASSES else OF_MANY, around)
    shown = in_order(evaluation.confusion, evaluation.class_names, classes, order)
    name, dark = f"confusion-{hide}-{around}-{order}-{measure}", st.context.theme.type == "dark"
    key = selection_key(run_id, name)
    # a later choice does not change the chart, which would be drawn anew
    if page_entered() or went_in_history():
        st.session_state.pop(f"first-{key}", None)
    chosen = st.session_state.setdefault(f"first-{key}", _cell_of(chosen_images(run), hide, labelled_only(run)))

    def spec() -> dict[str, Any]:
        table = confusion_table(evaluation.confusion, evaluation.class_names, shown)
        counted = without_diagonal(evaluation.confusion) if hide else evaluation.confusion
        sums = confusion_sums(counted, evaluation.class_names, shown)
        names = [evaluation.class_names[i] for i in shown]
        return confusion_chart(table, sums, names, measure, hide, log, dark, chosen).to_dict()

    st.vega_lite_chart(
        spec=remembered("confusion-charts", (name, log, dark, rows_key(run), str(chosen)), "", spec),
        width="stretch",
        on_select=partial(_take_clicked, run, name, key, hide),
        selection_mode=CELL,
        key=key,
        alt="Confusion matrix: one row per label, one column per predicted class, number of images in each cell",
    )
    if n_classes > MOST_CLASSES:
        _say_which(evaluation, classes, around)


def _one_of(label: str, titles: Mapping[T, str], key: str) -> T:
    chosen = st.selectbox(
        label, list(titles), format_func=titles.__getitem__, key=key, persist_state="session", width=200
    )
    return cast(T, chosen)


def _take_clicked(run: Run, chart: str, key: str, only_mistakes: bool) -> None:
    """Chooses the images of the cell that was clicked in the chart, or none if the selection was cleared."""
    picked = st.session_state[key].get("selection", {}).get(CELL) or []
    texts = images_of_cell(picked[0], only_mistakes, labelled_only(run)) if picked else []
    choose_images(run.manifest.run_id, texts, chart)


def images_of_cell(picked: Mapping[str, str], only_mistakes: bool, labelled: Sequence[str]) -> list[str]:
    """The conditions for the images that a cell or a sum counts.

    Args:
        picked: the true_label and the predicted_label of the cell; one of them is `ALL` for a sum.
        only_mistakes: sums count no image of the diagonal.
        labelled: see `labelled_only`.
    """
    true, predicted = (None if picked[name] == ALL else picked[name] for name in ("true_label", "predicted_label"))
    if true is not None and predicted is not None:
        return cell(true, predicted)
    return [*cell(true, predicted), *(as_texts(MISTAKES) if only_mistakes else labelled if true is None else ())]


def _cell_of(conditions: Filter, only_mistakes: bool, labelled: Sequence[str]) -> dict[str, str] | None:
    """The cell or the sum whose images these conditions choose, the opposite of `images_of_cell`; None if it is none."""
    equal = {each.column: each.value for each in conditions if each.operator == "="}
    picked = {name: equal.get(name, ALL) for name in ("true_label", "predicted_label")}
    is_any = set(picked.values()) == {ALL}
    return picked if not is_any and images_of_cell(picked, only_mistakes, labelled) == as_texts(conditions) else None


def show_pairs(run: Run, evaluation: Evaluation) -> None:
    """A table of the confused pairs, the largest first. A click on a row chooses its images."""
    run_id = run.manifest.run_id
    pairs = confused_pairs(evaluation.confusion, evaluation.class_names)
    st.header("Most confused pairs", anchor=False, help="Select a row to see its images.")
    if pairs.empty:
        st.caption("There are no mistakes.")
        return
    shown = pairs.head(_PAIRS_SHOWN)
    if by_answers(run.conditions):  # the filter lets pass other shares of the labels than the model's
        shown = shown.drop(columns=["of", "share"])
    name = f"pairs-{hash(run.conditions)}"
    key = selection_key(run_id, name)

    def take_row() -> None:
        rows = st.session_state[key].get("selection", {}).get("rows", [])
        choose_images(run_id, cell(*shown.loc[rows[0], ["true_label", "predicted_label"]]) if rows else [], name)

    st.dataframe(
        in_percents(safe_for_spreadsheets(shown), [name for name in shown if name == "share"]),
        hide_index=True,
        key=key,
        on_select=take_row,
        selection_mode="single-row",
        height=table_height(len(shown), 14),
        alt="Pairs of classes that are confused, the most frequent first",
        column_config={
            "true_label": "Labelled",
            "predicted_label": "Predicted as",
            "count": st.column_config.NumberColumn("Images", format="localized"),
            "of": st.column_config.NumberColumn("Of", format="localized", help="Images with this label."),
            "share": "Share",
        },
    )
    if len(pairs) > len(shown):
        st.caption(f"The {len(shown)} largest of {len(pairs):,} pairs.")


def _choose_class(run_id: str, evaluation: Evaluation) -> int | None:
    """Offers to choose one class if there are too many to show all. Returns the id of the chosen class or None."""
    names = evaluation.class_names
    if len(names) <= MOST_CLASSES:
        return None
    chosen = st.selectbox(
        "Focus on one class",
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
