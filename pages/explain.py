"""Why does the model say so? The maps of one picture, each beside its test, and the images most similar to it."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.explanations.answer import Answer
from dashboard.ui.answering import first_answer
from dashboard.ui.choices import TAB_KEY, put_choices_in_address
from dashboard.ui.errors import show_error
from dashboard.ui.explain.head import choose_question, method_for_address, show_head, show_summary, show_ways_on
from dashboard.ui.explain.picture_choice import choose_picture
from dashboard.ui.explain.tabs import TABS
from dashboard.ui.model_banner import show_model_banner
from dashboard.ui.picture_address import Picture, picture_to_explain
from dashboard.ui.question import made_maps, recall_slow_maps
from dashboard.ui.sidebar import classes_in_use, model_in_use
from dashboard.ui.tab_title import name_tab
from dashboard.ui.visitor import visitors_services

services = visitors_services()


def show(picture: Picture) -> None:
    """The ways on to other pictures, then the answer, as soon as there is one."""
    show_ways_on(services)
    answer, place = first_answer(services, model_in_use(), picture.name, picture.data)
    with place:
        show_answer(picture, answer)


def show_answer(picture: Picture, answer: Answer) -> None:
    """The answer, then the tabs; only the open one is worked out."""
    show_head(services, picture, answer)
    summary = st.empty()
    summary.skeleton(40)  # the sentence needs the maps, which are made below
    open_tab = next((tab for tab in TABS if tab.title == st.session_state.get(TAB_KEY)), TABS[0])
    if open_tab == TABS[0]:  # a link may name a tab that does not exist
        st.session_state.pop(TAB_KEY, None)
    question, look = choose_question(picture, answer, open_tab.all_layers)
    if made_maps(question):
        show_summary(question, summary)  # it stays while slower maps are made
    recall_slow_maps(services, question)
    method = method_for_address(question, open_tab.all_layers) if open_tab.one_method else ""
    put_choices_in_address(
        target="" if question.target == answer.predicted_label else question.target,
        layer=question.layer or "",
        method=method,
        tab="" if open_tab == TABS[0] else open_tab.title,
    )
    places = st.tabs([tab.title for tab in TABS], key=TAB_KEY, on_change="rerun")
    for tab, place in zip(TABS, places, strict=True):
        if place.open:
            with place:
                tab.show(services, question, look)
    show_summary(question, summary)


st.title("Explain", anchor=False)
fault = show_model_banner()
picture = None
try:
    picture = picture_to_explain(services)
    place = st.empty()  # so that the samples leave at once when a picture was chosen
    if picture:
        name_tab(picture.name, "Explain")
        show(picture)
    else:
        with place.container():
            st.text(
                "Where does the model look, and can the map be trusted? Eight methods, each tested on the picture itself."
            )
            choose_picture(services.settings.samples_dir, classes_in_use())
except DashboardError as error:
    if picture is None:
        show_ways_on(services)
    title = f"{picture.name} cannot be explained." if picture else "There is nothing to explain."
    show_error(error, title, fault)
