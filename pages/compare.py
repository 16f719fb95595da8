"""The page Compare: is one evaluation better than another, and which images change?"""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.runs.overview import overviews
from dashboard.ui.compare.choice import choose
from dashboard.ui.compare.comparison_view import show_comparison
from dashboard.ui.compare.empty_view import ask_for_condition, show_nothing_to_compare, show_why_not
from dashboard.ui.compare.leaderboard_view import choose_metric, show_leaderboard
from dashboard.ui.comparisons import comparison_of, leaderboard_of, same_images_twice
from dashboard.ui.errors import show_error
from dashboard.ui.set_aside_runs import show_damaged_runs
from dashboard.ui.visitor import visitors_services

services = visitors_services()

st.title("Compare")
try:
    show_damaged_runs(services)
    runs = overviews(services.runs)
except DashboardError as error:
    show_error(error, "The evaluations cannot be shown.")
    st.stop()
choice = choose(services, runs)
try:
    if not choice.a or not choice.b:
        show_nothing_to_compare(len(runs))
    elif same_images_twice(services, choice):
        ask_for_condition()
    elif len(choice.run_ids) > 2:
        show_leaderboard(services, leaderboard_of(services, choice, choose_metric()))
    else:
        show_comparison(services, comparison_of(services, choice))
except DashboardError as error:
    show_why_not(error, choice, runs)
