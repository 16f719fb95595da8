"""The sample, photo or kept image that Predict shows if no file is uploaded."""

from __future__ import annotations

import streamlit as st

from dashboard.ui import resources
from dashboard.ui.address import page_entered, set_address, went_in_history
from dashboard.ui.picture_address import PICTURE

CHOSEN = "chosen-picture"  # in the session: its name and content
CHOICES = "choices"  # in the session: how many were chosen


def choose(name: str, data: bytes) -> None:
    """Makes Predict show this picture."""
    forget()
    st.session_state[CHOSEN] = name, data
    st.session_state[CHOICES] = st.session_state.get(CHOICES, 0) + 1


def forget() -> None:
    """Forgets the sample, photo or kept image, also in the address, so that it does not come back."""
    st.session_state.pop(CHOSEN, None)
    st.query_params.pop(PICTURE, None)


def take_over_picture() -> None:
    """Makes Predict show the picture that the address names, if the reader just came to this address.

    Streamlit puts the address of Explain into the browser's history also as one of the page before.
    """
    key = st.query_params.get(PICTURE)
    if not key or not (page_entered() or went_in_history()):
        return
    if picture := resources.get_services().pictures.get(key):
        choose(*picture)
        set_address({PICTURE: key})
    else:
        forget()
        st.info("This picture is no longer stored. Choose it again.", icon=":material/info:")
