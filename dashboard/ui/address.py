"""Lists of texts in the address of a page, which the session keeps for when the reader comes back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def texts_in_address(parameter: str, owner: str) -> list[str]:
    """The texts of a query parameter; those that the session kept for this owner if the address has none."""
    kept = _kept(parameter, owner)
    if found := st.query_params.get_all(parameter):
        st.session_state[kept] = found
    elif st.session_state.get(kept):
        st.query_params[parameter] = st.session_state[kept]
    return list(st.session_state.get(kept, []))


def put_in_address(parameter: str, owner: str, texts: Sequence[str]) -> None:
    """Replaces the texts of a query parameter."""
    st.session_state[_kept(parameter, owner)] = list(texts)
    if texts:
        st.query_params[parameter] = list(texts)
    else:
        st.query_params.pop(parameter, None)


def _kept(parameter: str, owner: str) -> str:
    return f"address-{parameter}-{owner}"
