"""Asks the reader whether a prediction is right, and what the true label is if it is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.history.prediction_ids import place_in_run
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.words import plain, shortened

if TYPE_CHECKING:
    from dashboard.core.explanations.answer import Answer
    from dashboard.core.feedback.opinion import Opinion

_ABOUT = (
    "Your answer is about this picture with this model, and counts once. The same picture in an evaluation, or with another "
    "model, is asked about again."
)
_ABOUT_IN_RUN = (
    "Your answer is about this image of the evaluation. The same picture on Predict, or with another model, is asked about "
    "again."
)
_SHARED = (
    " Users have no names here, so everyone shares one answer for each picture: changing it also replaces what somebody else "
    "said."
)
UNKNOWN = "I do not know"
AGREES_ON_NONE = "none of these, as the model suspected"  # where there is room for few words
_ERROR, _OPEN, _AGAIN = "feedback-error", "feedback-open", "feedback-again"  # in the session


def ask_for_feedback(
    services: Services, answer: Answer, data: bytes, prediction_id: str, dataset_label: str | None = None
) -> None:
    """Asks whether an answer is right. What the reader said already is shown and can be changed.

    Args:
        data: the image file.
        prediction_id: of this prediction in the history or in an evaluation; "" if it was not recorded.
        dataset_label: the label that an evaluation's dataset gives the picture; suggested as the true one.
    """
    if not prediction_id:
        return
    said = _said(services, answer, data, prediction_id)
    about = (_ABOUT_IN_RUN if place_in_run(prediction_id) else _ABOUT) + ("" if services.visitor.called else _SHARED)
    if said and st.session_state.get(_AGAIN) == said.feedback_id:
        said = None
    is_open = st.session_state.get(_OPEN) == prediction_id
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="feedback"):
        if said:
            st.markdown(plain(in_words(said, answer.unknown)), width="content", help=about)
        else:
            asked = "What does it show?" if answer.unknown else f"Is {plain(answer.predicted_label)} right?"
            st.markdown(asked, width="content", help=about)
        if said and not is_open:
            st.button("Change", key="feedback-change", type="tertiary", on_click=_ask_again, args=(said.feedback_id,))
        else:
            with st.container(horizontal=True, width="content", gap="xsmall"):  # the buttons stay beside each other
                if answer.unknown:
                    st.button(
                        NONE_OF_THESE.capitalize(), key="feedback-none", icon=":material/check:",
                        on_click=_give, args=(services, prediction_id, False, NONE_OF_THESE),
                    )  # fmt: skip
                st.button(
                    plain(shortened(answer.predicted_label)) if answer.unknown else "Right",
                    key="feedback-right",
                    icon=None if answer.unknown else ":material/check:",
                    on_click=_give,
                    args=(services, prediction_id, True),
                )
                st.button(
                    "Another class" if answer.unknown else "Wrong",
                    key="feedback-wrong",
                    icon=None if answer.unknown else ":material/close:",
                    on_click=_open,
                    args=(prediction_id,),
                )
    if is_open:
        _ask_what_is_true(services, prediction_id, answer, dataset_label)
    if error := st.session_state.pop(_ERROR, None):
        show_error(error, "The feedback was not stored.")


def in_words(opinion: Opinion, unknown: bool) -> str:
    """What was said, in a sentence. Without log-in it may be somebody else who said it.

    Args:
        unknown: the answer that is shown says that the picture shows none of the classes. With another fit, it may not.
    """
    note = f" Note: {opinion.note}" if opinion.note else ""
    if opinion.is_right:
        return f"Marked as {opinion.predicted_label if unknown else 'right'}.{note}"
    if opinion.true_label == NONE_OF_THESE:
        none = "none of these classes"
        return f"Marked as {f'{none}, as the page says' if unknown else f'wrong: it shows {none}'}.{note}"
    true = f"; the true label is {opinion.true_label}" if opinion.true_label else ""
    return f"Marked as wrong{true}.{note}"


def choose_true_label(
    class_names: Sequence[str], but: str, key: str, suggested: str | None = None, help: str | None = None
) -> None:
    """A select box for the true label of a wrong prediction, with one of the names chosen already. See `chosen_label`."""
    names = [UNKNOWN, NONE_OF_THESE, *(name for name in class_names if name != but)]
    st.selectbox("The true label", names, names.index(suggested) if suggested in names else 0, key=key, help=help)


def chosen_label(key: str) -> str | None:
    """The label that was chosen; None if the reader does not know it."""
    label = st.session_state.get(key, UNKNOWN)
    return None if label == UNKNOWN else str(label)


def _ask_what_is_true(services: Services, prediction_id: str, answer: Answer, dataset_label: str | None) -> None:
    with st.form("feedback-form", border=True):
        told = (
            "Chosen already: the label of the dataset." if dataset_label not in (None, answer.predicted_label) else None
        )
        choose_true_label(answer.version.class_names, answer.predicted_label, "feedback-label", dataset_label, told)
        st.text_input("Note (optional)", key="feedback-note", max_chars=2000)
        st.form_submit_button("Save", key="feedback-save", on_click=_give, args=(services, prediction_id, False))


def _said(services: Services, answer: Answer, data: bytes, prediction_id: str) -> Opinion | None:
    """The reader's last word on an image of an evaluation, or on the picture with the same answer of the same model."""
    if services.history.last_error:  # a database that cannot be reached would be waited for at each click
        return None
    user, version = services.visitor.called, answer.version
    with suppress(DashboardError):  # giving feedback says what is wrong with the database
        if place_in_run(prediction_id):
            found = services.feedback.opinions(1, user=user, subject=prediction_id)
            return found[0] if found else None
        image_sha256 = hashlib.sha256(data).hexdigest()
        return services.feedback.on_picture(image_sha256, version.name, version.version, answer.predicted_label, user)
    return None


def _give(services: Services, prediction_id: str, is_right: bool, true_label: str | None = None) -> None:
    """Stores what the reader said: with this true label, else the one in the form if it is open."""
    in_form = not is_right and true_label is None
    label = chosen_label("feedback-label") if in_form else true_label
    note = str(st.session_state.get("feedback-note", "")) if in_form else ""
    try:
        services.feedback.give(
            prediction_id, is_right, label, services.visitor.called, note, replaces=not place_in_run(prediction_id)
        )
    except DashboardError as error:
        st.session_state[_ERROR] = error
        return
    st.session_state.pop(_OPEN, None)


def _open(prediction_id: str) -> None:
    st.session_state[_OPEN] = prediction_id


def _ask_again(feedback_id: str) -> None:
    """What was said stays stored until the reader says something else."""
    st.session_state[_AGAIN] = feedback_id
