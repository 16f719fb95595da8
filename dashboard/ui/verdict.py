"""What a map is worth, in a word with a sign."""

from __future__ import annotations

import streamlit as st

from dashboard.core.records import Faithfulness, Verdict

_BADGES: dict[Verdict, tuple[str, str, str]] = {
    "better": ("Beats both controls", ":material/check_circle:", "green"),
    "mixed": ("Beats random only", ":material/help:", "orange"),
    "chance": ("No better than chance", ":material/warning:", "orange"),
    "empty": ("Empty map", ":material/block:", "gray"),
}


def show_verdict(faithfulness: Faithfulness) -> None:
    """A badge: green only for better than both controls."""
    label, icon, colour = _BADGES[faithfulness.verdict]
    st.badge(label, icon=icon, color=colour)  # type: ignore[arg-type]
