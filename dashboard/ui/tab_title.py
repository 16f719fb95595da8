"""The title of the browser tab, which tells the tabs of one reader apart."""

from __future__ import annotations

import streamlit as st


def name_tab(*what: str) -> None:
    """Names the tab after what the page shows, the most telling part first."""
    st.set_page_config(page_title=", ".join(part for part in what if part))
