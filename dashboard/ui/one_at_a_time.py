"""The control for views of which a page shows one at a time. The address and the session hold the choice."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from dashboard.ui.address import went_in_history


def choose_one(label: str, names: Collection[str], *, key: str) -> str:
    """Shows the control and returns the chosen name, at first the first one.

    Args:
        key: the query parameter. No two pages may use the same one, because each keeps what was chosen.
    """
    first = next(iter(names))
    if went_in_history() and key not in st.query_params:
        st.session_state.pop(key, None)  # Streamlit chooses what the address says, here the default
    if key in st.session_state and st.session_state[key] not in names:
        st.session_state[key] = first  # it was chosen where there are other names; Streamlit would keep None instead
    chosen = st.segmented_control(
        label, list(names), default=None if key in st.session_state else first, required=True, key=key,
        label_visibility="collapsed", bind="query-params", persist_state="session",
    )  # fmt: skip
    return first if chosen is None else chosen  # an address with an empty value chooses nothing
