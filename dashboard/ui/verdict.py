"""What a map is worth, in a word with a sign."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.core.records import Faithfulness, Verdict

_BADGES: dict[Verdict, tuple[str, str, str]] = {
    "better": ("Beats both controls", ":material/check_circle:", "green"),
    "mixed": ("Beats random only", ":material/help:", "orange"),
    "unsure": ("Not clear of chance", ":material/help:", "orange"),
    "chance": ("No better than chance", ":material/warning:", "orange"),
    "unmoved": ("Cannot be judged", ":material/horizontal_rule:", "gray"),
    "empty": ("Empty map", ":material/block:", "gray"),
}


def show_verdict(faithfulness: Faithfulness) -> None:
    """A badge: green only for better than both controls."""
    _badge(faithfulness.verdict)


def count_verdicts(verdicts: Sequence[Verdict]) -> None:
    """A badge for each verdict that some of many maps have, with how many."""
    with st.container(horizontal=True, gap="small"):
        for verdict in _BADGES:
            if count := verdicts.count(verdict):
                _badge(verdict, f"{count} of {len(verdicts)}: ")


def _badge(verdict: Verdict, before: str = "") -> None:
    label, icon, colour = _BADGES[verdict]
    st.badge(before + (label.lower() if before else label), icon=icon, color=colour)  # type: ignore[arg-type]
