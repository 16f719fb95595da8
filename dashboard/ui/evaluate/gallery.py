"""A gallery of images of an evaluation, page by page, in which images can be selected."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.core.datasets import is_there
from dashboard.core.errors import DashboardError
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.images import RunPictures
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from dashboard.ui.errors import show_error
from dashboard.ui.picture_address import link_to_run_image
from dashboard.ui.thumbnails import TILE, tile
from dashboard.ui.words import labels_in_words, plain

IMAGES_A_PAGE = 15
ROWS_OF_IMPORTED = 200
COLUMNS = ["file", "true_label", "predicted_label", "confidence"]


def show_images(run: Run, store: RunStore, rows: pd.DataFrame, about: Hashable, with_classes: bool) -> None:
    """Shows one page of the images of these rows, each with a check box to select it and a link to its maps.

    Args:
        rows: of `Run.evaluated`.
        about: identifies the list of rows, so that each list remembers its own page.
        with_classes: show the true and the predicted class of each image.
    """
    if run.manifest.imported:
        _show_imported(run, rows)
        return
    try:
        images: RunPictures | None = RunPictures(store, run.manifest)
    except DashboardError as error:
        images = None
        if run.manifest.dataset:
            show_error(error, "The images of this run are no longer on the server.")
        else:
            st.text(error.message)
    pages = -(-len(rows) // IMAGES_A_PAGE)
    page_key = f"page-{run.manifest.run_id}-{about}"
    page = min(st.session_state.get(page_key, 1), pages)
    if page_key in st.session_state:
        st.session_state[page_key] = page
    shown = rows.iloc[(page - 1) * IMAGES_A_PAGE : page * IMAGES_A_PAGE]
    shown = shown.assign(file=run.detail(shown, ["file"])["file"])
    if images:
        can_be_explained = is_there(Path(run.manifest.dataset))
        if not can_be_explained:
            st.caption("The dataset is no longer on the server: its images can be seen, but not explained.")
        _show_tiles(run.manifest.run_id, images, shown, with_classes, can_be_explained)
    if pages > 1:
        st.pagination(pages, key=page_key, persist_state="session")
    with st.expander("File names", expanded=images is None):
        st.dataframe(
            safe_for_spreadsheets(shown[COLUMNS]), hide_index=True, alt="File, labels and confidence of these images"
        )


def selected_rows(run: Run) -> pd.DataFrame:
    """The rows of all images selected in this session, on any page and in any cell; the most confident first."""
    chosen = run.evaluated[run.evaluated["index"].isin(_selected(run.manifest.run_id))]
    return chosen.sort_values("confidence", ascending=False, kind="stable")


def show_selection(run: Run) -> None:
    """Shows the number of selected images, and a button to clear the selection."""
    run_id = run.manifest.run_id
    with st.container(horizontal=True, vertical_alignment="center", key="selection"):
        st.text(f"{len(_selected(run_id)):,} selected", width="content")
        st.button("Clear", key="clear-selection", type="tertiary", on_click=_clear_selection, args=(run_id,))


def _show_imported(run: Run, rows: pd.DataFrame) -> None:
    st.info("These predictions were imported, so there are no images to show.", icon=":material/hide_image:")
    some = rows.head(ROWS_OF_IMPORTED)
    some = some.assign(file=run.detail(some, ["file"])["file"])
    st.dataframe(
        safe_for_spreadsheets(some[COLUMNS]),
        hide_index=True,
        key="imported-rows",
        alt="File, labels and confidence of these predictions",
    )


def _show_tiles(
    run_id: str, images: RunPictures, shown: pd.DataFrame, with_classes: bool, can_be_explained: bool
) -> None:
    gone = False
    with st.container(horizontal=True, gap="small", key="gallery"):
        for row in shown.to_dict("records"):
            picture = images.image(row["index"], row["file"], (TILE, TILE))
            gone = gone or picture is None
            with st.container(width=TILE + 16, gap=None):
                st.image(tile(picture), width=TILE, alt=labels_in_words(row))
                _offer_selection(run_id, row, with_classes)
                if with_classes and isinstance(row["true_label"], str):
                    st.caption(f"labelled {plain(row['true_label'])}")
                if can_be_explained:
                    link_to_run_image(run_id, row["index"])
    if gone:
        st.caption("The dataset was changed since this evaluation. Gray tiles stand for images that are gone.")


def _offer_selection(run_id: str, row: dict[Hashable, Any], with_class: bool) -> None:
    """Shows a check box to select the image, with its prediction and confidence as text."""
    index = int(row["index"])
    key = _box(run_id, index)
    share = f"{row['confidence']:.1%}"
    st.session_state.setdefault(key, index in _selected(run_id))
    st.checkbox(
        f":small[{plain(row['predicted_label'])} {share}]" if with_class else f":small[{share}]",
        key=key,
        on_change=_take_over,
        args=(run_id, index),
    )


def _selected(run_id: str) -> set[int]:
    """The indices of the selected images. Kept apart from the check boxes, whose state is lost on a change of page."""
    selected: set[int] = st.session_state.setdefault(f"selected-{run_id}", set())
    return selected


def _box(run_id: str, index: int) -> str:
    return f"select-{run_id}-{index}"


def _take_over(run_id: str, index: int) -> None:
    if st.session_state[_box(run_id, index)]:
        _selected(run_id).add(index)
    else:
        _selected(run_id).discard(index)


def _clear_selection(run_id: str) -> None:
    for index in _selected(run_id):
        if _box(run_id, index) in st.session_state:
            st.session_state[_box(run_id, index)] = False
    _selected(run_id).clear()
