"""The sample, photo or kept image that Predict shows if no file is uploaded, and how the address names what it shows."""

from __future__ import annotations

import streamlit as st

from dashboard.ui import resources
from dashboard.ui.address import page_entered, set_address, went_in_history
from dashboard.ui.choices import choices_for_both, choices_in_address
from dashboard.ui.picture_address import PICTURE, REOPENED

CHOSEN = "chosen-picture"  # in the session: its name and content
CHOICES = "choices"  # in the session: how many were chosen; another number empties the upload
_SHOWN = "picture-shown"  # in the session: the key of what Predict shows


def choose(name: str, data: bytes) -> None:
    """Makes Predict show this picture."""
    st.session_state[CHOSEN] = name, data
    st.session_state[CHOICES] = st.session_state.get(CHOICES, 0) + 1


def forget() -> None:
    """Forgets the sample, photo or kept image, so that it does not come back."""
    st.session_state.pop(CHOSEN, None)


def take_over_picture() -> None:
    """Makes Predict show the picture that the address names, or the one it showed last, if the reader just came here."""
    if not (page_entered() or went_in_history()):
        return
    pictures, key = resources.get_services().pictures, st.query_params.get(PICTURE)
    if key:
        if picture := pictures.get(key):
            choose(*picture)
            st.session_state[REOPENED] = key
        else:
            forget()
            st.info("This picture is no longer stored. Choose it again.", icon=":material/info:")
    elif went_in_history():  # to where no picture was chosen yet
        forget()
        st.session_state[CHOICES] = st.session_state.get(CHOICES, 0) + 1
    elif CHOSEN not in st.session_state and (picture := pictures.get(st.session_state.get(_SHOWN, ""))):
        choose(*picture)  # an upload, which Streamlit forgot with the page


def name_in_address(picture: tuple[str, bytes] | None) -> None:
    """Puts the picture that Predict shows, and what is chosen, into the address, so that a reload and Back show it again."""
    key = resources.get_services().pictures.keep(*picture) if picture else ""
    st.session_state[_SHOWN] = key
    set_address({PICTURE: key, **choices_for_both(), **(choices_in_address() if picture else {})})
