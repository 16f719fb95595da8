"""One picture: what is it, how sure is the model, and where did it look?"""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.ui.errors import show_error
from dashboard.ui.predict.picture_choice import choose_picture
from dashboard.ui.resources import get_services
from dashboard.ui.tab_title import name_tab

services = get_services()

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
    from dashboard.ui.predict.picture_view import show_picture  # only here, because the first view does not need it

    name_tab(picture[0], "Predict")
    try:
        show_picture(services, *picture, percent / 100)
    except DashboardError as error:
        show_error(error, "Could not predict.")
