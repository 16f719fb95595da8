"""Diagnostics: one status line, then what fails with its fix, then what passes, folded."""

from __future__ import annotations

import streamlit as st

from dashboard.ui.diagnostics.live_view import show_diagnosis
from dashboard.ui.visitor import visitors_services

st.title("Diagnostics", anchor=False)
show_diagnosis(visitors_services())
