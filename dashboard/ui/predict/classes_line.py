"""One line that says which classes the model knows, and what it does with other pictures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.ui.sidebar import classes_in_use
from dashboard.ui.words import number_in_words, plain, shortened

MOST_CHARACTERS = 160  # of all names together
SHOWN = 6  # if there are more
_OTHERS = "A picture of anything else may still be called one of them."


def show_classes() -> None:
    """Names the classes of the model in use. A long list is shortened, with a way to see all."""
    names = classes_in_use()
    if not names:
        return
    count = number_in_words(len(names)).capitalize()
    if sum(map(len, names)) <= MOST_CHARACTERS:
        st.markdown(f"{count} classes: {plain(', '.join(names))}. {_OTHERS}")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="classes"):
        some = ", ".join(map(shortened, names[:SHOWN]))
        st.markdown(f"{count} classes: {plain(some)} ... {_OTHERS}", width="content")
        with st.popover("All classes", type="tertiary", icon=":material/list:"):
            st.dataframe(pd.DataFrame({"class": names}), hide_index=True, alt="All classes of the model")
