"""The sample, photo or kept image that Predict shows if no file is uploaded."""

from __future__ import annotations

import streamlit as st

CHOSEN = "chosen-picture"  # in the session: its name and content
CHOICES = "choices"  # in the session: how many were chosen


def choose(name: str, data: bytes) -> None:
    """Makes Predict show this picture."""
    st.session_state[CHOSEN] = name, data
    st.session_state[CHOICES] = st.session_state.get(CHOICES, 0) + 1
