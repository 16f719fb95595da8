"""The answer of the model beside the picture."""

from __future__ import annotations

import streamlit as st

from dashboard.core.explanations.answer import Answer
from dashboard.services import Services
from dashboard.ui.feedback_form import ask_for_feedback
from dashboard.ui.predict.answer_view import show_answer, show_probabilities
from dashboard.ui.predict.map_view import answer_with_chosen_map, show_pictures, show_test

# On a phone, where columns stand below each other, the pictures come before the bars, and the buttons after them
_ROW = ".st-key-answer > [data-testid=stLayoutWrapper] > [data-testid=stHorizontalBlock]"
_COLUMN = f"{_ROW} > [data-testid=stColumn]"
_PICTURES_FIRST = (
    f"<style>@media (max-width: 640px) {{ {_ROW} {{ row-gap: 1rem }} {_COLUMN}, {_COLUMN} > * {{ display: contents }} "
    "[data-testid=stLayoutWrapper]:has(> .st-key-all-classes) { order: 1 } "
    "[data-testid=stLayoutWrapper]:has(> .st-key-map-buttons) { order: 2 } }</style>"
)


def show_picture(services: Services, first: Answer, data: bytes) -> None:
    """Shows the answer first, then the pictures, and last the test of the map.

    Raises:
        DependencyError, ModelError, WorkerError: the model could not explain.
    """
    st.html(_PICTURES_FIRST)
    with st.container(key="answer"):
        result, pictures = st.columns([2, 3], gap="large")
    with result:
        show_answer(first)
        ask_for_feedback(services, first, data, first.prediction_id)
        with st.container(key="all-classes"):
            show_probabilities(first)
    with pictures:
        answer = answer_with_chosen_map(services, first, data)
        below_map = show_pictures(answer, first, data)
    if answer.explanation and not answer.explanation.empty:
        with below_map:
            show_test(services, answer.explanation, first, data)
