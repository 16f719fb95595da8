"""Streamlit's entry script: navigation over pages/, and what every page shares."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from dashboard.core.diagnostics.not_started import why_not_started
from dashboard.core.errors import DashboardError
from dashboard.core.settings import check_data_dir
from dashboard.ui.address import enter_page
from dashboard.ui.browser_history import keep_history_whole
from dashboard.ui.choices import take_over_choices
from dashboard.ui.errors import show_error
from dashboard.ui.navigation import PAGES
from dashboard.ui.resources import get_services, page_served
from dashboard.ui.sidebar import choose_model
from dashboard.ui.thumbnails import PICTURES_FIT
from dashboard.ui.visitor import has_to_log_in, show_visitor

st.set_page_config(page_icon=str(Path(__file__).parent / "ui" / "icon.png"), layout="wide")
# Streamlit writes white on a primary button and on a chosen value in the dark theme too, whose primary colour has to be light
# for other texts
ON_PRIMARY = "[data-testid=stBaseButton-primary], [data-testid=stMultiSelectTagsContainer] [data-tag][tabindex='0']"
st.html(f"<style>{ON_PRIMARY} {{ color: light-dark(#ffffff, #0b1016) }}</style>")
# the label of a control that is off says what it is for; Streamlit's gray is too weak to be read
st.html("<style>[data-testid=stWidgetLabel][disabled] p { color: light-dark(#0e151da6, #e6ebf0a6) }</style>")
st.html(f"<style>{PICTURES_FIT}</style>")
# Streamlit only changes the background of a link with the focus, hardly visibly
st.html(
    "<style>[data-testid=stSidebar] a:focus-visible "
    "{ outline: 3px solid light-dark(#1d5fa8, #6fb0f2); outline-offset: -3px }</style>"
)
# where nothing hovers, the toolbar of a table is always there, above the table, and no image can be pointed at
st.html(
    "<style>@media (hover: none) { [data-testid=stElementContainer]:has(> * > [data-testid=stDataFrame]) "
    "{ margin-top: 1.75rem } [class*=st-key-pointer-only-] { display: none } }</style>"
)
# on a phone, Streamlit cuts a badge that is longer than a line
st.html(
    "<style>[data-testid=stMarkdown] [data-testid=stMarkdownContainer] .stMarkdownBadge { white-space: normal; overflow: visible }</style>"
)
# Streamlit moves a collapsed sidebar out of sight, where Tab would still go through all of it
COLLAPSED = "[data-testid=stSidebar][data-collapsed=true]"
st.html(f"<style>{COLLAPSED}, {COLLAPSED} * {{ visibility: hidden }}</style>")
TITLES = {  # by address; the first page is the start
    "predict": "Predict", "explain": "Explain", "evaluate": "Batch evaluation", "compare": "Compare",
    "history": "History", "diagnostics": "Diagnostics",
}  # fmt: skip
page = st.navigation(
    [
        st.Page(PAGES / "predict.py", title=TITLES["predict"], icon=":material/image_search:", default=True),
        st.Page(PAGES / "explain.py", title=TITLES["explain"], icon=":material/visibility:", url_path="explain"),
        st.Page(PAGES / "evaluate.py", title=TITLES["evaluate"], icon=":material/dataset:", url_path="evaluate"),
        st.Page(PAGES / "compare.py", title=TITLES["compare"], icon=":material/compare:", url_path="compare"),
        st.Page(PAGES / "history.py", title=TITLES["history"], icon=":material/history:", url_path="history"),
        st.Page(
            PAGES / "diagnostics.py",
            title=TITLES["diagnostics"],
            icon=":material/stethoscope:",
            url_path="diagnostics",
        ),
    ]
)
st.set_page_config(page_title=f"{TITLES[page.url_path or 'predict']} - Classifier dashboard")
try:
    check_data_dir(get_services().settings.data_dir)
    logged_in = not has_to_log_in()
except DashboardError as error:  # a setting or the data folder
    show_error(error, "The dashboard cannot be used.")
    st.stop()
if not logged_in:
    page_served.set()
    st.stop()
enter_page(page.url_path)
take_over_choices(page.url_path)
with st.sidebar:
    choose_model()
    show_visitor()
    keep_history_whole()
try:
    page.run()
except ImportError as error:  # of what only this page needs
    with st.spinner("Looking for the package that is broken ..."):
        fault = why_not_started(error)
    logging.getLogger(__name__).error("%s cannot be shown. %s", page.title, fault)
    show_error(fault, f"{page.title} cannot be shown.")
page_served.set()
