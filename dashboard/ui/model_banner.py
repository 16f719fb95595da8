"""The message below the title of every page that needs the model, if it cannot be used."""

from __future__ import annotations

import streamlit as st

from dashboard.ui.errors import show_error
from dashboard.ui.sidebar import another_can_be_used, fault_of_model


def show_model_banner() -> None:
    """Says why the chosen model cannot be used and how to mend it. Shows nothing if it can be used."""
    if fault := fault_of_model():
        with st.container(key="model-banner"):
            way_out = " Choose another one in the sidebar, or mend this one." if another_can_be_used() else ""
            show_error(fault, f"The chosen model cannot be used.{way_out}")
