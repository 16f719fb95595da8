"""The confidence below which the reader wants to be warned. Predict has the control, Explain obeys it, too."""

from __future__ import annotations

import streamlit as st

THRESHOLD_KEY = "threshold"  # in the session
DEFAULT_THRESHOLD = 60  # percent


def choose_threshold() -> None:
    """Shows the control."""
    st.slider(
        "Warn when confidence is below",
        0,
        100,
        DEFAULT_THRESHOLD,
        5,
        format="%d%%",
        key=THRESHOLD_KEY,
        persist_state="session",
        help='Below this confidence, the answer is "Not sure". A second class is named if its probability is not far lower.',
    )


def chosen_threshold() -> float:
    """The threshold in [0, 1]."""
    return float(st.session_state.get(THRESHOLD_KEY, DEFAULT_THRESHOLD)) / 100
