"""The way from one image of an evaluation to the next and the previous one, by button or by key."""

from __future__ import annotations

from contextlib import suppress
from typing import cast, get_args

import numpy as np
import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.runs.filters import Filter, in_words, parse_filter
from dashboard.core.runs.run import Order, ordered
from dashboard.services import Services
from dashboard.ui.compare_address import COMPARED, ONLY
from dashboard.ui.comparisons import compared_images
from dashboard.ui.doubtful_labels import label_issues_of
from dashboard.ui.evaluation_address import IN_VIEW, LABELS_VIEW, SHOW, SORT, WHERE, ticked_in_address
from dashboard.ui.picture_address import IMAGE, turn_to_run_image
from dashboard.ui.session import filtered_run, stored_run
from dashboard.ui.words import plain


def show_neighbours(services: Services, run_id: str, index: int) -> None:
    """Shows the buttons, and which images they lead through: those that the evaluation's filter and gallery show.

    Shows nothing if the evaluation has no image of this index.
    """
    try:
        indices, which = _images(services, run_id, index)
    except DashboardError:  # told elsewhere: there is no such evaluation, or its filter cannot be used
        return
    if index not in indices:
        return
    at = _position(indices, index)
    for title, icon, key, last, step in (
        ("Previous", ":material/chevron_left:", "P", 0, -1),
        ("Next", ":material/chevron_right:", "N", len(indices) - 1, 1),
    ):
        st.button(
            title,
            key=f"{title.lower()}-image",
            icon=icon,
            shortcut=key,
            disabled=at == last,
            on_click=_step,
            args=(run_id, indices, step),
        )
    st.caption(f"{at + 1:,} of {len(indices):,}: {which}", width="content")


def _step(run_id: str, indices: np.ndarray, by: int) -> None:
    """Turns to the next or the previous image of the one in the address, which may be newer than the page.

    A key can be pressed again before the page shows the image of the first press.
    """
    at = _position(indices, int(st.query_params[IMAGE])) + by
    turn_to_run_image(run_id, int(indices[np.clip(at, 0, len(indices) - 1)]))


def _position(indices: np.ndarray, index: int) -> int:
    return int(np.flatnonzero(indices == index)[0])


def _images(services: Services, run_id: str, index: int) -> tuple[np.ndarray, str]:
    """The `index` of each image to go through, (N,), and which images these are in words.

    It is the list that the address names, if the image is among it: one can also come from elsewhere. Else it is all images
    that pass the filter, or all.
    """
    listed, words = _without_conditions(services, run_id)
    if index in listed:
        return listed, words
    where, show = (st.query_params.get_all(parameter) for parameter in (WHERE, SHOW))
    order = st.query_params.get(SORT, "")
    run, filtered = stored_run(services, run_id), parse_filter(where)
    for conditions in ((*filtered, *parse_filter(show)), filtered, ()):
        some = filtered_run(services, run, conditions)
        known = order in get_args(Order) and conditions
        indices = (
            ordered(some, cast(Order, order))["index"].to_numpy() if known else np.sort(some.table["index"].to_numpy())
        )
        if index in indices:
            break
    return indices, _in_words(conditions)


def _without_conditions(services: Services, run_id: str) -> tuple[np.ndarray, str]:
    """As `_images`, of a list that the address names, but not by conditions; no image if there is none, or not any more."""
    with suppress(DashboardError):
        if compared := st.query_params.get(COMPARED):
            found = compared_images(services, compared, st.query_params.get(ONLY, ""), run_id)
            if found is not None:
                return found, "images of the comparison"
        run = stored_run(services, run_id)
        if ticked := ticked_in_address():
            return np.asarray(ticked)[np.isin(ticked, run.table["index"])], "selected images"
        if st.query_params.get(IN_VIEW) == LABELS_VIEW:
            some = filtered_run(services, run, parse_filter(st.query_params.get_all(WHERE)))
            return label_issues_of(services, some)["index"].to_numpy(), "images of the view Labels"
    return np.empty(0, np.int64), ""


def _in_words(conditions: Filter) -> str:
    """The conditions in words, without the one of the gallery of all images."""
    return plain(in_words(tuple(condition for condition in conditions if str(condition) != "status=ok")))
