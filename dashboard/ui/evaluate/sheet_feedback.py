"""Feedback on images of an evaluation: by a key on the contact sheet, or on all selected images by a button."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.core.database.faults import left_out
from dashboard.core.errors import DashboardError, DatabaseError, counted
from dashboard.core.history.prediction_ids import id_in_run
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.feedback_form import AGREES_ON_NONE, choose_true_label, chosen_label
from dashboard.ui.words import plain, without_backticks

MOST_AT_ONCE = 200  # images; each is looked up in its run
OF_DATASET = "The label of the dataset"
_ERROR = "sheet-feedback-error"  # in the session


def verdicts(services: Services, run_id: str, indices: Sequence[int]) -> dict[int, str]:
    """What was said last about these images, in a word or two. Shows why if that is not known."""
    if error := st.session_state.pop(_ERROR, None):
        show_error(error, "The feedback was not stored.")
    damaged: list[DatabaseError] = []
    try:
        said = services.feedback.last_words([id_in_run(run_id, index) for index in indices], damaged)
    except DashboardError as error:
        st.caption(plain(f"Feedback cannot be shown. {error.message}"))
        return {}
    if damaged:
        st.caption(plain(without_backticks(left_out(damaged))))
    found = {}
    for index in indices:
        if opinion := said.get(id_in_run(run_id, index)):
            label = f", true label {opinion.true_label}" if opinion.true_label else ""
            wrong = AGREES_ON_NONE if opinion.agrees_on_none else f"prediction wrong{label}"
            found[index] = "prediction right" if opinion.is_right else wrong
    return found


def judge(services: Services, run: Run, index: int, is_right: bool) -> None:
    """Stores feedback on one image. If that fails, `verdicts` shows why.

    If the prediction is wrong, the label of the dataset counts as the true one.
    """
    label = None if is_right else _other_labels(run, [index]).get(index)
    try:
        services.feedback.give(id_in_run(run.manifest.run_id, index), is_right, label, services.visitor.called)
    except DashboardError as error:
        st.session_state[_ERROR] = error


def offer_feedback(services: Services, run: Run, usable: Sequence[int]) -> None:
    """Buttons that call the predictions of the selected images right or wrong, with their true label.

    Args:
        usable: the `index` of each selected image.
    """
    run_id = run.manifest.run_id
    key = f"sheet-label-{run_id}"
    too_many = len(usable) > MOST_AT_ONCE
    with st.popover("Feedback", icon=":material/reviews:", key=f"sheet-feedback-{run_id}", disabled=not usable):
        if too_many:
            st.caption(f"Select at most {MOST_AT_ONCE} images.")
        st.button(
            "The predictions are right", key=f"sheet-right-{run_id}", icon=":material/check:", disabled=too_many,
            on_click=_judge_all, args=(services, run, usable, True, key),
        )  # fmt: skip
        names = [*([OF_DATASET] if len(run.labelled) else []), *run.manifest.class_names]
        told = "The dataset's label of each image, where it differs from the prediction; else none is stored."
        choose_true_label(names, "", key, OF_DATASET, told if OF_DATASET in names else None)
        st.button(
            "The predictions are wrong", key=f"sheet-wrong-{run_id}", icon=":material/close:", disabled=too_many,
            on_click=_judge_all, args=(services, run, usable, False, key),
        )  # fmt: skip


def _judge_all(services: Services, run: Run, usable: Sequence[int], is_right: bool, key: str) -> None:
    label, stored = None if is_right else chosen_label(key), 0
    labels = _other_labels(run, usable) if label == OF_DATASET else {}
    for index in usable:
        true_label = labels.get(index) if label == OF_DATASET else label
        subject = id_in_run(run.manifest.run_id, index)
        try:
            services.feedback.give(subject, is_right, true_label, services.visitor.called)
            stored += 1
        except DashboardError as error:
            st.session_state[_ERROR] = error
            if error.code != "feedback":  # the next image would fail too
                break
    st.toast(f"Feedback on {counted(stored, 'image')} was stored.")


def _other_labels(run: Run, indices: Sequence[int]) -> dict[int, str]:
    """The label that the dataset gives these images, by index, where it differs from the prediction."""
    rows = run.evaluated[run.evaluated["index"].isin(indices)]
    columns = (rows[name].tolist() for name in ("index", "true_label", "predicted_label"))
    return {i: true for i, true, predicted in zip(*columns, strict=True) if isinstance(true, str) and true != predicted}
