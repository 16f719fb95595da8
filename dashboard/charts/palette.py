"""Colours and limits that all charts share."""

from __future__ import annotations

ACCENT = "#2f7dc8"  # contrast of at least 3:1 on white and on the dark background

MUTED = "#98a3ae"

SELECTED = "#e08a1e"

MOST_CLASSES = 40  # up to this number, all classes are drawn

OF_MANY = 20  # classes that are drawn if there are more


def ink(dark: bool) -> str:
    """The colour of text."""
    return "#e6ebf0" if dark else "#1c2530"
