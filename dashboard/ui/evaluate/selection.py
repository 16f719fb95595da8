"""The images of an evaluation that the reader has selected, on any page of any list, and what can be done with them."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.datasets import is_there
from dashboard.core.errors import DashboardError, counted
from dashboard.core.runs.annotations import MOST_NAME, Annotations
from dashboard.core.runs.class_folders import MOST_EXPORTED, write_class_folders
from dashboard.core.runs.run import Run
from dashboard.reports.provenance import file_stem
from dashboard.services import Services
from dashboard.ui.address import set_parameter
from dashboard.ui.download import offer_file
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.sheet_feedback import offer_feedback
from dashboard.ui.evaluation_address import MOST_TICKED, TICKED, ticked_in_address
from dashboard.ui.words import NOT_YOURS

_TAG_ERROR = "tag-error"
_PRESSED = "selection-pressed"  # a button changed the selection, and the page was not drawn since


def selected_images(run_id: str) -> set[int]:
    """The `index` of each selected image, at first of those that the address names. The set may be changed."""
    key = f"selected-{run_id}"
    if key not in st.session_state:
        st.session_state[key] = set(ticked_in_address())
    selected: set[int] = st.session_state[key]
    return selected


def put_selection_in_address(run_id: str) -> None:
    """Puts the selected images into the address, so that a reload finds them again. Too many are left out."""
    selected = selected_images(run_id)
    set_parameter(TICKED, ",".join(map(str, sorted(selected))) if len(selected) <= MOST_TICKED else "")


def selected_rows(run: Run) -> pd.DataFrame:
    """The rows of the selected images; the most confident first."""
    chosen = run.evaluated[run.evaluated["index"].isin(selected_images(run.manifest.run_id))]
    return chosen.sort_values("confidence", ascending=False, kind="stable")


def select(run_id: str, indices: Collection[int], among: Collection[int]) -> None:
    """Of these images, selects those with these indices and no others, unless a button was pressed since.

    The sheet tells its last clicks before a button is pressed, but Streamlit may call the button first if it gets both at
    once.
    """
    if not st.session_state.get(_PRESSED):
        _change(run_id, indices, among)


def _press(run_id: str, indices: Collection[int], among: Collection[int]) -> None:
    st.session_state[_PRESSED] = True
    _change(run_id, indices, among)


def _change(run_id: str, indices: Collection[int], among: Collection[int]) -> None:
    selected = selected_images(run_id)
    selected.difference_update(list(among))
    selected.update(indices)


def offer_selection(services: Services, run: Run, listed: pd.DataFrame, shown: pd.DataFrame) -> None:
    """Shows how many images are selected, and what can be done with those that pass the filter of the run.

    Args:
        listed: the rows of the whole list.
        shown: the rows of the page.
    """
    st.session_state.pop(_PRESSED, None)
    run_id = run.manifest.run_id
    selected, usable = selected_images(run_id), _usable(run)
    everything = [int(i) for i in listed["index"]] if len(listed) <= MOST_EXPORTED else []
    row, reasons = st.container(horizontal=True, vertical_alignment="center", key="selection"), st.container()
    with row:
        hidden = len(usable) < len(selected)
        count = (
            f"{len(usable):,} of {len(selected):,} selected pass the filter" if hidden else f"{len(usable):,} selected"
        )
        st.text(count, width="content")
        if len(selected) > MOST_TICKED:
            st.caption("A reload forgets so many; a tag keeps them.", width="content")
        page = [int(i) for i in shown["index"]]
        st.button(
            f"Select this page ({len(page)})",
            key="select-page",
            type="tertiary",
            on_click=_press,
            args=(run_id, page, page),
        )
        if everything and len(everything) > len(page):
            st.button(
                f"Select all {len(everything):,}", key="select-all", type="tertiary", on_click=_press,
                args=(run_id, everything, everything),
            )  # fmt: skip
        st.button(
            "Select none", key="clear-selection", type="tertiary", disabled=not selected,
            on_click=_press, args=(run_id, (), selected),
        )  # fmt: skip
        with st.popover("Tag", icon=":material/sell:", key=f"tag-{run_id}", disabled=not usable):
            _offer_tags(services, run)
        offer_feedback(services, run, usable)
        _offer_export(run, usable, reasons)


def _usable(run: Run) -> list[int]:
    """The `index` of each selected image that passes the filter of the run, ascending."""
    return sorted(int(i) for i in selected_rows(run)["index"])


def _offer_tags(services: Services, run: Run) -> None:
    run_id = run.manifest.run_id
    try:
        folder = services.runs.folder(run_id)
        tags = folder.beside.annotations().tags
    except DashboardError as error:
        show_error(error, "The tags cannot be shown.")
        return
    if not folder.may_change():
        st.caption(NOT_YOURS)
        return
    name = st.selectbox(
        "Tag", list(tags), index=None, accept_new_options=True, key=f"tag-name-{run_id}",
        placeholder="Choose a tag or type a new one", help=f"Up to {MOST_NAME} letters. Everyone who sees the evaluation sees its tags.",
    )  # fmt: skip
    with st.container(horizontal=True):
        st.button(
            "Add to selected", key=f"tag-add-{run_id}", type="primary", disabled=not name,
            on_click=_tag, args=(services, run, Annotations.tagged),
        )  # fmt: skip
        st.button(
            "Remove from selected", key=f"tag-remove-{run_id}", disabled=name not in tags,
            on_click=_tag, args=(services, run, Annotations.untagged),
        )  # fmt: skip
    if refused := st.session_state.pop(_TAG_ERROR, None):
        show_error(refused, "The tag was not changed.")


def _tag(services: Services, run: Run, change: Callable[[Annotations, str, Collection[int]], Annotations]) -> None:
    """Changes a tag of the selected images before the page is drawn, since a filter may ask for this tag."""
    run_id, usable = run.manifest.run_id, _usable(run)
    name = st.session_state[f"tag-name-{run_id}"]
    try:
        services.runs.folder(run_id).beside.annotate(lambda found: change(found, name, usable))
    except DashboardError as error:
        st.session_state[_TAG_ERROR] = error
    else:
        st.toast(f"The tag was changed on {counted(len(usable), 'image')}.")


def _offer_export(run: Run, usable: Sequence[int], reasons: DeltaGenerator) -> None:
    """Offers these images as a ZIP with one folder for each label."""

    def data() -> bytes:
        out = io.BytesIO()
        write_class_folders(run, usable, out)
        return out.getvalue()

    without = _why_no_export(run, len(usable))
    offer_file(
        "ZIP",
        data,
        f"{file_stem(run.manifest)}-selection.zip",
        "application/zip",
        "export-selected",
        reasons,
        icon=":material/folder_zip:",
        type="tertiary",
        disabled=not usable or bool(without),
        help=without or "The selected images, one folder for each label.",
    )


def _why_no_export(run: Run, count: int) -> str:
    if run.manifest.imported:
        return "These predictions were imported without images."
    if not is_there(Path(run.manifest.dataset)):
        return "The dataset is no longer on the server, so there are no image files to export."
    return f"Select at most {MOST_EXPORTED:,} images." if count > MOST_EXPORTED else ""
