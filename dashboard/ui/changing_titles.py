"""Keeps what is chosen in a box when the titles of its options change.

A browser names what is chosen by its title. If that has changed, such as by the accuracy of a run that has finished, because
another run has the same title now, or by an answer to another question about a dataset, Streamlit gives the old title as the
value of the box.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def replace_titles(key: str) -> None:
    """Replaces titles by what they stand for in the value of the box with this key. Call it before the value is used."""
    shown, value = _shown(key), st.session_state.get(key)
    if isinstance(value, list):
        st.session_state[key] = [shown.get(each, each) for each in value]
    elif value in shown:
        st.session_state[key] = shown[value]


def remember_titles(key: str, titles: Mapping[str, str]) -> None:
    """Remembers the titles, by option, with which the box of this key is drawn."""
    _shown(key).update({title: option for option, title in titles.items()})


def _shown(key: str) -> dict[str, str]:
    """The option of each title that the box has had."""
    found: dict[str, str] = st.session_state.setdefault(f"{key}-titles", {})
    return found
