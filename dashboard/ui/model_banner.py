"""The message below the title of every page that needs the model, if it cannot be used."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.ui.errors import show_error
from dashboard.ui.sidebar import another_can_be_used, fault_of_model


def show_model_banner() -> DashboardError | None:
    """Says why the chosen model cannot be used and how to mend it. Returns what it shows: None if it can be used."""
    if fault := fault_of_model():
        title = "Nothing new can be computed with the chosen model."
        if unknown := fault.code == "active_unknown":
            title = "No model is chosen."
        if another_can_be_used():
            title += (
                " Choose one in the sidebar." if unknown else " Choose another one in the sidebar, or mend this one."
            )
        with st.container(key="model-banner"):
            show_error(fault, title)
    return fault
