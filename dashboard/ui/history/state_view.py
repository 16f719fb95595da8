"""Says whether predictions wait to be stored, or were lost."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import counted
from dashboard.services import Services
from dashboard.ui.words import plain


def show_state(services: Services) -> None:
    """A warning if the database fails or records were lost; a line if records wait; otherwise nothing."""
    history = services.history
    waiting, dropped, error = history.waiting, history.dropped, history.last_error
    words = []
    if dropped:
        words.append(f"{counted(dropped, 'record')} could not be stored and {'is' if dropped == 1 else 'are'} lost.")
    if waiting and error:
        words.append(f"{counted(waiting, 'record')} will be stored as soon as the database can be used again.")
    if error:
        words.append(f"The last try to store something failed: {error.message} {error.fix.replace('`', '')}")
    if words:
        st.warning(plain(" ".join(words)), icon=":material/database_off:")
    elif waiting:
        st.caption(f"{counted(waiting, 'record')} will be stored in a moment.")
