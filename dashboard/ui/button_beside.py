"""A text with buttons beside it, whose words are never cut."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_ROW = "[class*=st-key-beside-] > [data-testid=stLayoutWrapper] > [data-testid=stHorizontalBlock]"
_ON_A_PHONE_BELOW = (
    f"<style>@media (min-width: 641px) {{ {_ROW} {{ flex-wrap: nowrap }} "
    f"{_ROW} > [data-testid=stColumn]:last-child {{ min-width: max-content }} }}</style>"
)


def text_and_button(key: str, share: int) -> Sequence[DeltaGenerator]:
    """Places for a text and for buttons beside it; below it on a phone.

    Args:
        share: how many times wider the text is, unless the buttons need more.
    """
    st.html(_ON_A_PHONE_BELOW)
    return st.container(key=f"beside-{key}").columns([share, 1], vertical_alignment="center")
