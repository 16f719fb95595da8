"""What the page says where there is no comparison."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.runs.overview import RunOverview
from dashboard.ui.compare_address import Choice
from dashboard.ui.errors import show_error
from dashboard.ui.navigation import PAGES
from dashboard.ui.picture_address import RUN


def show_nothing_to_compare(evaluations: int) -> None:
    """Says what to choose, or where evaluations come from if there are none."""
    st.text(
        "Choose two evaluations of the same images, to see whether one model is better and which images change. "
        "Choose more to rank them. Choose the same one twice to compare two groups of its images, such as two classes."
    )
    if not evaluations:
        st.page_link(PAGES / "evaluate.py", label="Evaluate a dataset first", icon=":material/dataset:")


def ask_for_condition() -> None:
    """Says how to go on if one evaluation was chosen twice."""
    st.info(
        "A and B are the same images. Set a condition in one of the two boxes above, to compare two groups of them.",
        icon=":material/info:",
    )


def show_why_not(error: DashboardError, choice: Choice, runs: Sequence[RunOverview]) -> None:
    """Says why the evaluations cannot be compared. If another model could evaluate the images of A, leads there.

    Args:
        runs: all that can be chosen.
    """
    show_error(error, "These evaluations cannot be compared.")
    models = {run.manifest.model for run in runs if run.manifest.run_id in (choice.a, choice.b)}
    if error.code == "not_comparable" and choice.a and len(models) > 1:
        st.page_link(
            PAGES / "evaluate.py",
            label="Open A, to evaluate its images again with the other model (see Actions there)",
            icon=":material/dataset:",
            query_params={RUN: choice.a or ""},
        )
