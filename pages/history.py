"""The page History: the predictions that were made, and what readers said about them."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.ui.errors import show_error
from dashboard.ui.history.feedback_view import show_feedback
from dashboard.ui.history.history_filter import LIST, keep_filter, return_to_filter
from dashboard.ui.history.predictions_view import show_predictions
from dashboard.ui.history.state_view import show_state
from dashboard.ui.one_at_a_time import choose_one
from dashboard.ui.visitor import visitors_services

services = visitors_services()

return_to_filter()
st.title("History", anchor=False)
LISTS = {"Predictions": show_predictions, "Feedback": show_feedback}
shown = choose_one("List", LISTS, key=LIST)
try:
    show_state(services)
    LISTS[shown](services)
    keep_filter()
except DashboardError as error:
    show_error(error, "The history cannot be shown.")
