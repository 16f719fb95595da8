"""One picture: what is it, how sure is the model, and where did it look?"""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.ui.errors import show_error
from dashboard.ui.model_banner import show_model_banner
from dashboard.ui.picture_address import keep_predicted
from dashboard.ui.predict.classes_line import show_classes
from dashboard.ui.predict.picture_choice import choose_picture
from dashboard.ui.sidebar import classes_in_use, model_in_use
from dashboard.ui.tab_title import name_tab
from dashboard.ui.threshold import choose_threshold
from dashboard.ui.visitor import visitors_services

services = visitors_services()

st.title("Predict", anchor=False)
fault = show_model_banner()
show_classes()
with st.sidebar:
    choose_threshold()
if picture := choose_picture(services.settings.samples_dir, classes_in_use()):
    from dashboard.ui.answering import first_answer  # only here, because the first view does not need it

    name_tab(picture[0], "Predict")
    try:
        answer, place = first_answer(services, model_in_use(), *picture)
        keep_predicted(*picture)
        from dashboard.ui.predict.picture_view import show_picture

        with place:
            show_picture(services, answer, picture[1])
    except DashboardError as error:
        show_error(error, "Could not predict.", fault)
