"""Errors."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError, DatasetError, ImageError, commands_in
from dashboard.ui.words import plain


def show_error(error: DashboardError, title: str) -> None:
    """What happened, why, what to do; commands to be copied."""
    with st.container(border=True):
        st.error(plain(title), icon=":material/error:")
        st.text(error.message)
        if error.fix:
            st.text(error.fix.replace("`", ""))
            for command in commands_in(error.fix):
                st.code(command, language="bash")
        if not isinstance(error, (ImageError, DatasetError)):
            st.page_link("../pages/diagnostics.py", label="Open Diagnostics", icon=":material/stethoscope:")
