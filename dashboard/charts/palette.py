"""Colours and limits that all charts share."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

ACCENT = "#2f7dc8"  # contrast of at least 3:1 on white and on the dark background

MUTED = "#98a3ae"

SELECTED = "#e08a1e"

MOST_CLASSES = 40  # up to this number, all classes are drawn

_BLACK, _WHITE = "#000000", "#ffffff"
_AS_FAR_FROM_BOTH = 0.179  # the luminance on which black and white have the same contrast

OF_MANY = 20  # classes that are drawn if there are more


def rgb(colour: str) -> np.ndarray:
    """Red, green and blue of a colour such as #2f7dc8, from 0 to 255."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)


def readable_on(background: np.ndarray) -> str:
    """Black or white, whichever has the greater contrast, at least 4.5:1, on a colour (red, green, blue) from 0 to 255."""
    return _BLACK if _luminance(background) > _AS_FAR_FROM_BOTH else _WHITE


def either_ink(field: str) -> dict[str, Any]:
    """The colour of numbers whose field holds what `readable_on` gives. Not the field itself, since layers share a scale."""
    return alt.condition(f"datum.{field} == '{_BLACK}'", alt.value(_BLACK), alt.value(_WHITE))  # type: ignore[return-value]


def _luminance(colour: np.ndarray) -> float:
    """Relative luminance in [0, 1] of a colour (red, green, blue) from 0 to 255 (WCAG 2.2)."""
    share = colour / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def ink(dark: bool) -> str:
    """The colour of text."""
    return "#e6ebf0" if dark else "#1c2530"
