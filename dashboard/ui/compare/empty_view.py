"""What the page says before two evaluations are chosen."""

from __future__ import annotations

import streamlit as st

from dashboard.ui.navigation import PAGES


def show_nothing_to_compare(evaluations: int) -> None:
    """Says what to choose, or where evaluations come from if there are none."""
    st.text(
        "Choose two evaluations of the same images, to see whether one model is better and which images change. "
        "Choose more to rank them. Choose the same one twice to compare two groups of its images, such as two classes."
    )
    if not evaluations:
        st.page_link(PAGES / "evaluate.py", label="Evaluate a dataset first", icon=":material/dataset:")
