"""Why does the model say so? The maps of one picture, each beside its proof, and the images most like it."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.ui.errors import show_error
from dashboard.ui.explain.head import choose_question, show_head, show_ways_back
from dashboard.ui.explain.layers_view import show_layers
from dashboard.ui.explain.methods_view import show_methods
from dashboard.ui.explain.one_map_view import show_closely
from dashboard.ui.explain.similar_images_view import show_neighbours
from dashboard.ui.explain.two_classes_view import show_two_classes
from dashboard.ui.picture_address import RUN, Picture, picture_to_explain
from dashboard.ui.picture_pickers import choose_picture
from dashboard.ui.resources import get_services
from dashboard.ui.session import first_answer
from dashboard.ui.sidebar import model_in_use

LAYERS = "Layers"
VIEWS = {"Methods": show_methods, "One map": show_closely, LAYERS: show_layers, "Two classes": show_two_classes}
SIMILAR = "Similar images"

services = get_services()


def show(picture: Picture) -> None:
    """The answer, then the views; only the open one is worked out."""
    answer = first_answer(services, model_in_use(), picture.name, picture.data)
    show_head(picture, answer)
    question, look = choose_question(picture, answer, all_layers=st.session_state.get("view") == LAYERS)
    *tabs, similar = st.tabs([*VIEWS, SIMILAR], key="view", on_change="rerun")
    for tab, show_view in zip(tabs, VIEWS.values(), strict=True):
        if tab.open:
            with tab:
                show_view(services, question, look)
    if similar.open:
        with similar:
            show_neighbours(services, picture, answer)


st.title("Explain")
picture = None
try:
    picture = picture_to_explain(services)
    if picture:
        show(picture)
    else:
        st.text("Where does the model look, and is that true? Eight methods, each tested on the picture itself.")
        choose_picture(services.settings.samples_dir)
except DashboardError as error:
    show_error(error, f"{picture.name} cannot be explained." if picture else "There is nothing to explain.")
    show_ways_back(st.query_params.get(RUN))
