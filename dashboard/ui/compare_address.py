"""How the address of the page Compare names what is compared, and that of Explain the comparison to return to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from dashboard.ui.navigation import PAGES

A, B, MORE, WHERE, WHERE_B = "a", "b", "more", "where", "where_b"  # MORE and the conditions may be repeated
TAB = "tab"
COMPARED = "compared"  # on Explain: the whole query of the page Compare to return to


class PageLink(TypedDict):
    """The arguments of `st.switch_page`."""

    page: Path
    query_params: dict[str, str | Sequence[str]]


def compare_link(run_ids: Sequence[str]) -> PageLink:
    """The page Compare with these runs, at least two."""
    a, b, *more = run_ids
    return {"page": PAGES / "compare.py", "query_params": {A: a, B: b, **({MORE: more} if more else {})}}
