"""Values that a browser session keeps, so that a rerun of the page does not compute them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import streamlit as st

from dashboard.core.runs.filtering import TAG
from dashboard.core.runs.filters import Filter
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run
from dashboard.services import Services

KEPT = 32
ANSWERS_KEPT = 8  # each has a picture of up to 3 MB
T = TypeVar("T")


def remembered(shelf: str, key: Hashable, doing: str, make: Callable[[], T], most: int = KEPT) -> T:
    """The value of `make`, from the session's memory if it is one of the last `most` values used under this name.

    Args:
        shelf: name of the group of values.
        doing: text that is shown while the value is made; "" for none.
    """
    kept: OrderedDict[Hashable, T] = st.session_state.setdefault(shelf, OrderedDict())
    spinner = spinner_in_place(doing)
    if key in kept:
        kept.move_to_end(key)
        return kept[key]
    with spinner:
        kept[key] = value = make()  # kept here, because a rerun may end the script when the spinner is taken away
    while len(kept) > most:
        kept.popitem(last=False)
    return value


def spinner_in_place(doing: str) -> AbstractContextManager[None]:
    """A context that shows a spinner with this text; "" for none.

    Call it in every run of the script, also if nothing has to be made. Then what follows has the same place in each run,
    and does not move under a click.
    """
    if not doing:
        return nullcontext()
    place = st.empty()

    @contextmanager
    def spinning() -> Iterator[None]:
        with place, st.spinner(doing):
            yield

    return spinning()


def is_remembered(shelf: str, key: Hashable) -> bool:
    """True if the value is in the session's memory. Asking also marks it as recently used."""
    kept: OrderedDict[Hashable, object] = st.session_state.get(shelf, OrderedDict())
    if key in kept:
        kept.move_to_end(key)
        return True
    return False


def stored_run(services: Services, run_id: str) -> Run:
    """A run, loaded again only when it has changed. Raises DatasetError."""
    key = state_of_run(services, run_id)
    return remembered("runs", key, "", lambda: services.runs.folder(run_id).load(VIEW_COLUMNS), most=2)


def filtered_run(services: Services, run: Run, conditions: Filter) -> Run:
    """The rows of a run that a filter lets pass, found again only when something has changed. Raises DatasetError."""
    if not conditions:
        return run
    folder = services.runs.folder(run.manifest.run_id)
    tags = tuple(folder.beside.annotations().tags.items()) if any(each.column == TAG for each in conditions) else ()
    key = (rows_key(run), run.manifest.state, conditions, tags)
    return remembered("filtered", key, "", lambda: folder.narrow(run, conditions), most=4)


def rows_key(run: Run) -> Hashable:
    """A key that changes when a filter lets other rows of the run pass, or when the run has more rows."""
    return run.manifest.run_id, run.conditions, run.rows_key


def state_of_run(services: Services, run_id: str) -> Hashable:
    """A key that changes when the stored run changes. Raises DatasetError if the run does not exist."""
    folder = services.runs.folder(run_id)
    manifest = folder.manifest()
    return folder.told(manifest), folder.rows.growth() if manifest.state == "running" else None
