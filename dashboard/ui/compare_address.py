"""How the address of the page Compare names what is compared, and that of Explain the comparison to return to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from dashboard.ui.navigation import PAGES

A, B, MORE, WHERE, WHERE_B = "a", "b", "more", "where", "where_b"  # MORE and the conditions may be repeated
TAB = "tab"
IMAGES_TAB, CONFUSION_TAB = "Images", "Confusion matrix"  # those that list images
OF_CELL = "cell"  # the label and the predicted class of the cell whose images the confusion matrix lists
COMPARED = "compared"  # on Explain: the whole query of the page Compare to return to
ONLY = "only"  # on Explain: the list that the image was chosen from, that of A or that of B


class PageLink(TypedDict):
    """The arguments of `st.switch_page`."""

    page: Path
    query_params: dict[str, str | Sequence[str]]


def compare_link(run_ids: Sequence[str]) -> PageLink:
    """The page Compare with these runs, at least two."""
    a, b, *more = run_ids
    return {"page": PAGES / "compare.py", "query_params": {A: a, B: b, **({MORE: more} if more else {})}}


@dataclass(frozen=True)
class Choice:
    """What is to be compared."""

    a: str | None  # a run id
    b: str | None
    more: tuple[str, ...]  # run ids
    where: tuple[str, ...]  # conditions on the images of all runs, or of A if B has its own
    where_b: tuple[str, ...] | None  # conditions of B instead; None: the same

    @property
    def run_ids(self) -> tuple[str, ...]:
        """All runs, each once, but A and B may be the same."""
        first = [run_id for run_id in (self.a, self.b) if run_id]
        return (*first, *(run_id for run_id in dict.fromkeys(self.more) if run_id not in first))


def choice_named(query: Mapping[str, Sequence[str]]) -> Choice:
    """What a query of the page Compare names."""
    a, b = (next(iter(query.get(name, ())), None) for name in (A, B))
    where_b = tuple(query.get(WHERE_B, ())) if a == b else None
    return Choice(a, b, tuple(query.get(MORE, ())), tuple(query.get(WHERE, ())), where_b)
