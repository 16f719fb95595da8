"""One picture: what is it, how sure is the model, and where did it look?"""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.ui.errors import show_error
from dashboard.ui.predict.answer_view import show_answer
from dashboard.ui.predict.map_view import answer_with_chosen_map, show_pictures, show_test
from dashboard.ui.predict.picture_choice import choose_picture
from dashboard.ui.resources import get_services
from dashboard.ui.session import first_answer
from dashboard.ui.sidebar import model_in_use

services = get_services()


def show(name: str, data: bytes, threshold: float) -> None:
    """The pictures on the left, the answer on the right, and last the test of the map."""
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


st.title("Predict")
with st.sidebar:
    percent = st.slider(
        "Warn when confidence is below",
        0,
        100,
        60,
        5,
        format="%d%%",
        key="threshold",
        persist_state="session",
        help="Predict shows a warning when the model is less confident than this.",
    )
if picture := choose_picture(services.settings.samples_dir):
    try:
        show(*picture, percent / 100)
    except DashboardError as error:
        show_error(error, "Could not predict.")
