"""The images of an evaluation that the reader has selected, on any page of any list, and what can be done with them."""

from __future__ import annotations

import io
from collections.abc import Collection

import pandas as pd
import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.runs.annotations import MOST_NAME
from dashboard.core.runs.class_folders import MOST_EXPORTED, write_class_folders
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.errors import show_error


def selected_images(run_id: str) -> set[int]:
    """The `index` of each selected image. The set may be changed."""
    selected: set[int] = st.session_state.setdefault(f"selected-{run_id}", set())
    return selected


def selected_rows(run: Run) -> pd.DataFrame:
    """The rows of the selected images; the most confident first."""
    chosen = run.evaluated[run.evaluated["index"].isin(selected_images(run.manifest.run_id))]
    return chosen.sort_values("confidence", ascending=False, kind="stable")


def select(run_id: str, indices: Collection[int], among: Collection[int]) -> None:
    """Of these images, selects those with these indices and no others."""
    selected = selected_images(run_id)
    selected.difference_update(among)
    selected.update(indices)


def offer_selection(services: Services, run: Run, listed: pd.DataFrame, shown: pd.DataFrame) -> None:
    """Shows how many images are selected, and what can be done with them.

    Args:
        listed: the rows of the whole list.
        shown: the rows of the page.
    """
    run_id = run.manifest.run_id
    selected = selected_images(run_id)
    everything = [int(i) for i in listed["index"]] if len(listed) <= MOST_EXPORTED else []
    with st.container(horizontal=True, vertical_alignment="center", key="selection"):
        st.text(f"{len(selected):,} selected", width="content")
        page = [int(i) for i in shown["index"]]
        st.button(
            f"This page ({len(page)})", key="select-page", type="tertiary", on_click=select, args=(run_id, page, page)
        )
        if everything and len(everything) > len(page):
            st.button(
                f"All {len(everything):,}", key="select-all", type="tertiary", on_click=select,
                args=(run_id, everything, everything),
            )  # fmt: skip
        st.button("None", key="clear-selection", type="tertiary", on_click=selected.clear, disabled=not selected)
        with st.popover("Tag", icon=":material/sell:", key=f"tag-{run_id}", disabled=not selected):
            _offer_tags(services, run_id, selected)
        _offer_export(services, run, selected)


def _offer_tags(services: Services, run_id: str, selected: Collection[int]) -> None:
    folder = services.runs.folder(run_id)
    tags = folder.annotations().tags
    name = st.selectbox(
        "Tag", list(tags), index=None, accept_new_options=True, key=f"tag-name-{run_id}",
        placeholder="Choose a tag or type a new one", help=f"Up to {MOST_NAME} letters. Everyone sees tags.",
    )  # fmt: skip
    with st.container(horizontal=True):
        add = st.button("Add to selected", key=f"tag-add-{run_id}", type="primary", disabled=not name)
        remove = st.button("Remove from selected", key=f"tag-remove-{run_id}", disabled=name not in tags)
    if not (name and (add or remove)):
        return
    try:
        folder.annotate(lambda found: (found.tagged if add else found.untagged)(name, selected))
    except DashboardError as error:
        show_error(error, "The tag was not changed.")
    else:
        st.toast(f"{len(selected):,} images changed.")


def _offer_export(services: Services, run: Run, selected: Collection[int]) -> None:
    """Offers the selected images as a ZIP with one folder for each label."""

    def data() -> bytes:
        out = io.BytesIO()
        write_class_folders(run, sorted(selected), out)
        return out.getvalue()

    st.download_button(
        "ZIP",
        data,
        f"{run.manifest.dataset_name}-selection.zip",
        "application/zip",
        key="export-selected",
        icon=":material/folder_zip:",
        type="tertiary",
        on_click="ignore",
        disabled=not selected or run.manifest.imported or len(selected) > MOST_EXPORTED,
        help=f"The selected images, one folder for each label; at most {MOST_EXPORTED:,}.",
    )
