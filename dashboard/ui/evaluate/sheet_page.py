"""One page of a list of images as a contact sheet, with the controls to select images and to turn pages."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.core.datasets import is_there
from dashboard.core.errors import counted
from dashboard.core.runs.filters import as_texts
from dashboard.core.runs.images import RunPictures
from dashboard.core.runs.rows import DOUBT
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.contact_sheet import ONLY_SEEN, SheetItem, show_sheet
from dashboard.ui.evaluate.selection import offer_selection, put_selection_in_address, select, selected_images
from dashboard.ui.evaluate.sheet_feedback import judge, verdicts
from dashboard.ui.evaluation_address import IN_VIEW, VIEW, WHERE
from dashboard.ui.picture_address import open_run_image
from dashboard.ui.turned_pages import page_of, turn_pages

A_PAGE, A_PAGE_BESIDE = 40, 16
_SIDE = 192  # pixels of a picture that is read from the dataset
_LEAST_SIDE, _LEAST_SIDE_BESIDE = 150, 98  # pixels of a picture on the page


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
        about: identifies the list of rows, so that each list remembers its own page.
        parameters: how an address names this list, besides the filter and the view; None if these say all.
        beside: the sheet stands beside something else, so its pictures are smaller and a page has fewer.
    """
    a_page = A_PAGE_BESIDE if beside else A_PAGE
    key = f"page-{run.manifest.run_id}-{a_page}-{'&'.join((*as_texts(run.conditions), about))}"
    pages = -(-len(rows) // a_page)
    page = page_of(key, pages)
    shown = rows.iloc[(page - 1) * a_page : page * a_page]
    more = run.detail(shown, ["file", DOUBT])
    shown = shown.assign(file=more["file"], doubt=more[DOUBT])
    if pictures:
        put_selection_in_address(run.manifest.run_id)
        offer_selection(services, run, rows, shown)
        _show_tiles(services, run, pictures, shown, item, f"sheet-{key}-{page}", parameters, beside)
    turn_pages(key, pages)
    return shown


def _show_tiles(
    services: Services,
    run: Run,
    pictures: RunPictures,
    shown: pd.DataFrame,
    item: Callable[[dict[Hashable, Any]], SheetItem],
    key: str,
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
        st.caption(ONLY_SEEN)
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
        open_run_image(run_id, opened, in_address)
    if not readable.all():
        st.caption("The dataset was changed since this evaluation. Gray tiles stand for images that are gone.")
