"""Comparisons, kept by the session so that another tab needs no new one, and the lists of images that they show."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from urllib.parse import parse_qs

import numpy as np

from dashboard.core.analysis.comparison import Comparison, compare, load_side
from dashboard.core.analysis.leaderboard import Leaderboard, leaderboard
from dashboard.core.runs.filters import Filter, parse_filter
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.compare_address import CONFUSION_TAB, OF_CELL, TAB, B, Choice, choice_named
from dashboard.ui.session import remembered, state_of_run, stored_run

KEPT = 8


def comparison_of(services: Services, choice: Choice) -> Comparison:
    """The comparison of A and B. Raises DatasetError if they cannot be compared."""
    filters = _filters(choice)
    key = [_state(services, *each) for each in zip(choice.run_ids, filters, strict=True)]

    def make() -> Comparison:
        a, b = _load(services, choice, filters)
        return compare(a, b)

    return remembered("comparisons", tuple(key), "Comparing ...", make, most=KEPT)


def compared_images(services: Services, query: str, only: str, run_id: str) -> np.ndarray | None:
    """The `index` in this run of each image of a list of the page Compare; None if it has no such list.

    Args:
        query: of the page, as COMPARED holds it.
        only: A or B, see ONLY.

    Raises:
        DatasetError: the two cannot be compared.
    """
    named = parse_qs(query)
    choice, cell = choice_named(named), named.get(OF_CELL, [])
    if run_id not in (choice.a, choice.b) or len(choice.run_ids) != 2:
        return None
    if not (outcomes := comparison_of(services, choice).outcomes):
        return None
    if named.get(TAB) != [CONFUSION_TAB]:
        lists = outcomes.rows_only_a_right, outcomes.rows_only_b_right
    elif len(cell) == 2:
        lists = outcomes.in_cell(*cell)
    else:
        return None
    position = "position_b" if run_id == choice.b else "position_a"
    rows = lists[only == B].set_index(position)
    return stored_run(services, run_id).detail(rows, ["index"])["index"].to_numpy()


def same_images_twice(services: Services, choice: Choice) -> bool:
    """True if A and B are one evaluation with the same conditions. Raises DatasetError, also if there is none."""
    if choice.a != choice.b or not choice.a:
        return False
    services.runs.folder(choice.a).manifest()
    a, b = _filters(choice)
    return {*a} == {*b}


def leaderboard_of(services: Services, choice: Choice, metric: str) -> Leaderboard:
    """The ranking of all chosen runs. Raises DatasetError if they cannot be compared."""
    filters = _filters(choice)
    key = [_state(services, *each) for each in zip(choice.run_ids, filters, strict=True)]

    def make() -> Leaderboard:
        return leaderboard(_load(services, choice, filters), metric)

    return remembered("leaderboards", (metric, *key), "Comparing ...", make, most=KEPT)


def _filters(choice: Choice) -> list[Filter]:
    """The filter of each run. Raises DatasetError."""
    filters = [parse_filter(choice.where)] * len(choice.run_ids)
    if choice.where_b is not None:
        filters[1] = parse_filter(choice.where_b)
    return filters


def _state(services: Services, run_id: str, conditions: Filter) -> Hashable:
    """A key that changes when the rows that pass the filter may have changed. Raises DatasetError."""
    tags = services.runs.folder(run_id).beside.readable_annotations().tags if conditions else {}
    return state_of_run(services, run_id), conditions, tuple(sorted(tags.items()))


def _load(services: Services, choice: Choice, filters: Sequence[Filter]) -> list[Run]:
    return [
        load_side(services.runs.folder(run_id), own, place)
        for place, (run_id, own) in enumerate(zip(choice.run_ids, filters, strict=True))
    ]
