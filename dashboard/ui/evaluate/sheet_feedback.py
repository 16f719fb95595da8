"""Feedback on images of an evaluation: by a key on the contact sheet, or on all selected images by a button."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.core.errors import DashboardError, counted
from dashboard.core.history.prediction_ids import id_in_run
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.feedback_form import choose_true_label, chosen_label
from dashboard.ui.words import plain

MOST_AT_ONCE = 200  # images; each is looked up in its run
_ERROR = "sheet-feedback-error"  # in the session


def verdicts(services: Services, run_id: str, indices: Sequence[int]) -> dict[int, str]:
    """What was said last about these images, in a word or two. Shows why if that is not known."""
    if error := st.session_state.pop(_ERROR, None):
        show_error(error, "The feedback was not stored.")
    try:
        said = services.feedback.last_words([id_in_run(run_id, index) for index in indices])
    except DashboardError as error:
        st.caption(plain(f"Feedback cannot be shown. {error.message}"))
        return {}
    found = {}
    for index in indices:
        if opinion := said.get(id_in_run(run_id, index)):
            label = f": {opinion.true_label}" if opinion.true_label else ""
            found[index] = "prediction right" if opinion.is_right else f"prediction wrong{label}"
    return found


def judge(services: Services, run_id: str, index: int, is_right: bool) -> None:
    """Stores feedback on one image. If that fails, `verdicts` shows why."""
    try:
        services.feedback.give(id_in_run(run_id, index), is_right, user=services.visitor.called)
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
            on_click=_judge_all, args=(services, run_id, usable, True, key),
        )  # fmt: skip
        choose_true_label(run.manifest.class_names, "", key)
        st.button(
            "The predictions are wrong", key=f"sheet-wrong-{run_id}", icon=":material/close:", disabled=too_many,
            on_click=_judge_all, args=(services, run_id, usable, False, key),
        )  # fmt: skip


def _judge_all(services: Services, run_id: str, usable: Sequence[int], is_right: bool, key: str) -> None:
    label, stored = None if is_right else chosen_label(key), 0
    for index in usable:
        try:
            services.feedback.give(id_in_run(run_id, index), is_right, label, services.visitor.called)
            stored += 1
        except DashboardError as error:
            st.session_state[_ERROR] = error
            if error.code != "feedback":  # the next image would fail too
                break
    st.toast(f"Feedback on {counted(stored, 'image')} was stored.")
