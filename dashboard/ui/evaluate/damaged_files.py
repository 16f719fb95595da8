"""Damaged files beside the rows of an evaluation: what is missing, and a button that takes the file away."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.runs.folder import RunFolder
from dashboard.ui.errors import show_error
from dashboard.ui.words import plain

_FAULT = "not-set-aside"  # in the session


def show_damaged_files(folder: RunFolder) -> None:
    """One line for each such file."""
    if fault := st.session_state.pop(_FAULT, None):
        show_error(fault, "The file was not taken away.")
    for name, error in folder.beside.faults().items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(plain(error.message), icon=":material/broken_image:")
            if folder.may_change():
                st.button(
                    "Go on without it", key=f"set-aside-{folder.run_id}-{name}", on_click=_set_aside,
                    args=(folder, name), help=plain(f"Renames the file to {name}.damaged. {error.fix}"),
                )  # fmt: skip


def _set_aside(folder: RunFolder, name: str) -> None:
    try:
        folder.beside.set_aside(name)
    except DashboardError as error:
        st.session_state[_FAULT] = error
