"""The way from one image of an evaluation to the next and the previous one, by button or by key."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.runs.filters import in_words, parse_filter
from dashboard.services import Services
from dashboard.ui.address import kept_texts
from dashboard.ui.filter_bar import WHERE
from dashboard.ui.picture_address import IMAGE, list_around, turn_to_run_image
from dashboard.ui.session import filtered_run, stored_run
from dashboard.ui.words import plain

_SHOW = "show"  # in the address of Batch evaluation: which of the filtered images its gallery shows


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

    It is the list from which the image was chosen. If there was none, the address says what was shown. That counts only if
    the image is among it, because one can also come from elsewhere.
    """
    if (listed := list_around(run_id, index)) is not None:
        return listed, "as in the list"
    run = stored_run(services, run_id)
    filtered = parse_filter(kept_texts(WHERE, run_id))
    shown = parse_filter(kept_texts(_SHOW, run_id))
    for conditions in ((*filtered, *shown), filtered, ()):
        indices = np.sort(filtered_run(services, run, conditions).table["index"].to_numpy())
        if index in indices:
            break
    return indices, plain(in_words(conditions))
