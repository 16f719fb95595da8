"""One page of a list of images as a contact sheet, with the controls to select images and to turn pages."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import streamlit as st

from dashboard.core.datasets import is_there
from dashboard.core.errors import counted
from dashboard.core.runs.filters import as_texts
from dashboard.core.runs.images import RunPictures
from dashboard.core.runs.rows import DOUBT
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.address import set_parameter, went_in_history
from dashboard.ui.contact_sheet import SheetItem, show_sheet
from dashboard.ui.evaluate.selection import offer_selection, put_selection_in_address, select, selected_images
from dashboard.ui.evaluate.sheet_feedback import judge, verdicts
from dashboard.ui.evaluation_address import IN_VIEW, PAGE, VIEW, WHERE
from dashboard.ui.picture_address import MOST_DIGITS, open_run_image

A_PAGE, A_PAGE_BESIDE = 40, 16
_SIDE = 192  # pixels of a picture that is read from the dataset
_LEAST_SIDE, _LEAST_SIDE_BESIDE = 150, 98  # pixels of a picture on the page


def _page_of(run: Run, rows: pd.DataFrame, about: str, a_page: int) -> tuple[pd.DataFrame, int, str]:
    """The rows of the current page, the number of pages, and the key of the control that turns them.

    The address holds the page, so that a reload and Back show it again.

    Args:
        about: identifies the list of rows, so that each list remembers its own page.
    """
    pages = -(-len(rows) // a_page)
    key = f"page-{run.manifest.run_id}-{a_page}-{'&'.join((*as_texts(run.conditions), about))}"
    named, _, of_list = st.query_params.get(PAGE, "").partition("-")
    if of_list == _mark(key) and named.isdecimal() and len(named) < MOST_DIGITS:
        st.session_state[key] = int(named)
    elif went_in_history():
        st.session_state[key] = 1
    page = max(1, min(st.session_state.get(key, 1), pages))
    if st.session_state.get(key, page) != page:
        st.session_state[key] = page
    _put_page_in_address(key, page)
    return rows.iloc[(page - 1) * a_page : page * a_page], pages, key


def _put_page_in_address(key: str, page: int) -> None:
    set_parameter(PAGE, f"{page}-{_mark(key)}" if page > 1 else "")


def _mark(key: str) -> str:
    """Tells one list from others in the address: after a click on a cell, its page is that of another list."""
    return f"{crc32(key.encode()) & 0xFFFF:04x}"


def show_sheet_page(
    services: Services,
    run: Run,
    pictures: RunPictures | None,
    rows: pd.DataFrame,
    item: Callable[[dict[Hashable, Any]], SheetItem],
    about: str,
    parameters: Mapping[str, str | Sequence[str]] | None = None,
    beside: bool = False,
) -> pd.DataFrame:
    """Shows one page of these rows, and returns the rows of the page with their columns `file` and `doubt`.

    Args:
        pictures: None shows no pictures, only the control to turn pages.
        rows: with the column `index`, and indexed by position as `Run.table` is.
        item: what stands below the picture of a row, which then has these columns, too.
        about: see `_page_of`.
        parameters: how an address names this list, besides the filter; None if it cannot.
        beside: the sheet stands beside something else, so its pictures are smaller and a page has fewer.
    """
    shown, pages, key = _page_of(run, rows, about, A_PAGE_BESIDE if beside else A_PAGE)
    more = run.detail(shown, ["file", DOUBT])
    shown = shown.assign(file=more["file"], doubt=more[DOUBT])
    if pictures:
        put_selection_in_address(run.manifest.run_id)
        offer_selection(services, run, rows, shown)
        sheet_key = f"sheet-{key}-{st.session_state.get(key, 1)}"
        _show_tiles(services, run, pictures, shown, item, sheet_key, rows, parameters, beside)
    if pages > 1:
        st.pagination(
            pages,
            key=key,
            persist_state="session",
            on_change=lambda: _put_page_in_address(key, st.session_state[key]),
        )
    return shown


def _show_tiles(
    services: Services,
    run: Run,
    pictures: RunPictures,
    shown: pd.DataFrame,
    item: Callable[[dict[Hashable, Any]], SheetItem],
    key: str,
    rows: pd.DataFrame,
    parameters: Mapping[str, str | Sequence[str]] | None,
    beside: bool,
) -> None:
    run_id = run.manifest.run_id
    tiles, readable = pictures.tiles(shown["index"].tolist(), shown["file"].tolist(), _SIDE)
    can_be_explained = is_there(Path(run.manifest.dataset))
    click = "Click to open; tick" if can_be_explained else "Click, tick"
    with st.container(horizontal=True, gap="xsmall"):
        st.caption(f"{click} or press Space to select; Shift selects a range.", width="content")
        with st.container(key=f"pointer-only-{key}", width="content"):  # hidden where nothing can hover
            st.caption(
                "With the pointer on an image, R says that its prediction is right, W that it is wrong"
                f"{', and the label of the dataset right' if len(run.labelled) else ''}."
            )
    if not can_be_explained:
        st.caption("The dataset is no longer on the server: its images can be seen, but not explained.")
    opened = show_sheet(
        tiles,
        [item(row) for row in shown.to_dict("records")],
        selected_images(run_id),
        key,
        counted(len(shown), "image"),
        side=_LEAST_SIDE_BESIDE if beside else _LEAST_SIDE,
        few=True,
        opens=can_be_explained,
        on_select=partial(select, run_id),
        verdicts=verdicts(services, run_id, shown["index"].tolist()),
        on_judge=partial(judge, services, run),
    )
    if opened is not None:
        where, view = as_texts(run.conditions), str(st.session_state.get(VIEW) or "")
        in_address = {WHERE: where, IN_VIEW: view, **(parameters or {})}
        open_run_image(run_id, opened, rows["index"].to_numpy(), in_address)
    if not readable.all():
        st.caption("The dataset was changed since this evaluation. Gray tiles stand for images that are gone.")
