"""Keeps half addresses out of the browser's history, so that Back leads to a page as it was."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_KEY = "browser-history"
_SCRIPT = st.components.v2.component("browser_history", js=Path(__file__).with_suffix(".js").read_text("utf-8"))


def keep_history_whole() -> None:
    """Puts the script into the page. It shows nothing. Call it on every page."""
    st.html(f"<style>.st-key-{_KEY} {{ display: none }}</style>")
    with st.container(key=_KEY):
        _SCRIPT(key=f"{_KEY}-script")
