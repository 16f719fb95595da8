"""The verdict on a map as a badge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import streamlit as st

from dashboard.core.explanations.records import Faithfulness, Verdict

_TEST = (
    "The test hides the marked pixels first. With a map that can be relied on, the probability of the class falls sooner than "
    "with random maps."
)
_BADGES: dict[Verdict, tuple[str, str, str]] = {
    "better": ("Passed the test", ":material/check_circle:", "green"),
    "mixed": ("Weak", ":material/help:", "orange"),
    "unsure": ("Unclear", ":material/help:", "orange"),
    "chance": ("Failed the test", ":material/warning:", "orange"),
    "unmoved": ("Cannot be judged", ":material/horizontal_rule:", "gray"),
    "empty": ("Empty map", ":material/block:", "gray"),
}


def show_verdict(faithfulness: Faithfulness) -> None:
    """Shows the verdict as a badge, with its sentence as help. It is green only if the map passed."""
    _badge(faithfulness.verdict, sentence=f"{faithfulness.sentence} {_TEST}")


def groups_by_verdict(verdicts: Sequence[Verdict]) -> Iterator[tuple[Verdict, list[int]]]:
    """The verdicts that occur, the best first, each with the positions of its maps."""
    for verdict in _BADGES:
        if which := [i for i, each in enumerate(verdicts) if each == verdict]:
            yield verdict, which


def show_count(verdict: Verdict, count: int, of: int) -> None:
    """Shows how many of the maps have this verdict."""
    _badge(verdict, f"{count} of {of}: ")


def _badge(verdict: Verdict, before: str = "", sentence: str | None = None) -> None:
    label, icon, colour = _BADGES[verdict]
    text = before + (label.lower() if before else label)
    st.badge(text, icon=icon, color=colour, help=sentence)  # type: ignore[arg-type]
