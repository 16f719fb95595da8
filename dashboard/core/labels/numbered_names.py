"""Labels with a number before the name: 001.Airplane, 1-cat, n02085620-Chihuahua."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBERED = re.compile(r"(?:n[0-9]{8}|[0-9]{1,4})[\s._:-]+(.*[^\W\d_].*)")


def bare_name(label: str) -> str:
    """The name behind the number; "" if the label has no such form."""
    found = _NUMBERED.fullmatch(label.strip())
    return found[1] if found else ""


def about_numbers(matched: Sequence[tuple[str, str]]) -> str:
    """A sentence about labels that were matched without their numbers.

    Args:
        matched: pairs of label and class.
    """
    if not matched:
        return ""
    said = ", ".join(f"{label} is {meant}" for label, meant in matched[:3])
    return f"Numbers before the names of labels are passed over: {said}{' and so on' if len(matched) > 3 else ''}."
