"""What a map is worth, in a word with a sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import streamlit as st

from dashboard.core.explanations.records import Faithfulness, Verdict

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


def groups_by_verdict(verdicts: Sequence[Verdict]) -> Iterator[tuple[Verdict, list[int]]]:
    """Each verdict that some of many maps have, the best first, and the numbers of those maps."""
    for verdict in _BADGES:
        if which := [i for i, each in enumerate(verdicts) if each == verdict]:
            yield verdict, which


def show_count(verdict: Verdict, count: int, of: int) -> None:
    """A badge that says how many of many maps have this verdict."""
    _badge(verdict, f"{count} of {of}: ")


def _badge(verdict: Verdict, before: str = "") -> None:
    label, icon, colour = _BADGES[verdict]
    st.badge(before + (label.lower() if before else label), icon=icon, color=colour)  # type: ignore[arg-type]
