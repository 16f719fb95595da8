"""A picture beside the answer of the model."""

from __future__ import annotations

import streamlit as st

from dashboard.services import Services
from dashboard.ui.predict.answer_view import show_answer
from dashboard.ui.predict.map_view import answer_with_chosen_map, show_pictures, show_test
from dashboard.ui.session import first_answer
from dashboard.ui.sidebar import model_in_use


def show_picture(services: Services, name: str, data: bytes, threshold: float) -> None:
    """Shows the pictures on the left, the answer on the right, and last the test of the map.

    Raises:
        ImageError, DependencyError, ModelError, WorkerError: the model could not predict.
    """
    first = first_answer(services, model_in_use(), name, data)
    answer = answer_with_chosen_map(services, first, data)
    pictures, result = st.columns([3, 2], gap="large")
    with pictures:
        below_map = show_pictures(answer, first, data)
    with result:
        show_answer(answer, threshold)
    if answer.explanation and not answer.explanation.empty:
        with below_map:
            show_test(services, answer.explanation, first, data)
