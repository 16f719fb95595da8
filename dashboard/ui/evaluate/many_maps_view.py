"""Maps of many images of an evaluation: the mean map, and a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core.errors import DashboardError, counted
from dashboard.core.evaluation.opening import version_of_run
from dashboard.core.explanations.bulk_maps import BulkMaps, bulk_maps
from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.overlay import DEFAULT_OPACITY, overlay
from dashboard.core.explanations.records import MapRequest
from dashboard.core.images.drawing import contact_sheet, encode_png, enlarge
from dashboard.core.runs.rows import DOUBT
from dashboard.core.runs.run import Run
from dashboard.reports.provenance import file_stem
from dashboard.services import Services
from dashboard.ui.contact_sheet import SheetItem, show_sheet
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.selection import selected_rows
from dashboard.ui.evaluation_address import TICKED
from dashboard.ui.picture_address import open_run_image
from dashboard.ui.session import is_remembered, remembered
from dashboard.ui.thumbnails import TILE
from dashboard.ui.verdict import groups_by_verdict, show_count
from dashboard.ui.words import PREDICTED_CLASS, plain

MOST = 48  # images, so that the maps take only seconds
COLUMNS = 8  # of the file
MEAN_SIDE = 320


def show_bulk(
    services: Services,
    run: Run,
    rows: pd.DataFrame,
    item: Callable[[dict[Hashable, Any]], SheetItem],
    parameters: Mapping[str, str | Sequence[str]],
) -> None:
    """Shows an expander. When open, it makes maps of the selected images, or of all rows; of the first MOST only.

    Args:
        item: what stands below the map of a row, which then has the columns `file` and `doubt`, too.
        parameters: how an address names the list of all rows.
    """
    run_id = run.manifest.run_id
    selected = selected_rows(run)
    rows = rows if selected.empty else selected
    if rows.empty or run.manifest.imported:
        return
    box = st.expander(
        "Where the model looks in these images", icon=":material/visibility:", key=f"bulk-{run_id}", on_change="rerun"
    )
    if not box.open:
        return
    with box:
        st.caption(
            "The images above. Select some of them to see only their maps."
            if selected.empty
            else "The images that you selected, also in other cells and on other pages."
        )
        some = rows.head(MOST)
        more = run.detail(some, ["file", DOUBT])
        some = some.assign(file=more["file"], doubt=more[DOUBT])
        names = run.manifest.class_names
        with st.container(horizontal=True):
            target = str(
                st.selectbox("Evidence for", [PREDICTED_CLASS, *names], key=f"bulk-target-{run_id}", width=240)
            )
            quick = [name for name, method in METHODS.items() if method.cost == "instant"]
            method = str(
                st.selectbox(
                    "Method", quick, format_func=lambda name: METHODS[name].title, key="bulk-method", width=200
                )
            )
            tested = st.toggle("Test each map", key="bulk-tested", help="Needs some hundred predictions per image.")
        request = MapRequest((method,), target=target if target in names else None, faithfulness=tested)
        try:
            maps = _maps(services, run, some, request)
        except DashboardError as error:
            show_error(error, "The maps could not be made.")
            return
        if maps is None:
            st.info("None of these images has a map.", icon=":material/info:")
            return
        of_image = {row["index"]: item(row) for row in some.to_dict("records")}
        items = [of_image[index] for index in maps.indices]
        opened = _show(maps, items, len(rows), f"{file_stem(run.manifest)}-maps.png", target)
        if opened is not None:
            ticked = {} if selected.empty else {TICKED: ",".join(map(str, some["index"]))}
            open_run_image(run_id, opened, {**parameters, **ticked})


def _maps(services: Services, run: Run, rows: pd.DataFrame, request: MapRequest) -> BulkMaps | None:
    """The maps from this session's memory, or new ones, made while a bar shows the progress."""
    key = (run.manifest.run_id, run.manifest.model_sha256, tuple(rows["index"]), request)
    if is_remembered("bulk", key):
        return remembered("bulk", key, "", lambda: None)
    version = version_of_run(services.registry, run.manifest)
    bar = st.progress(0.0, "Making and testing the maps ..." if request.faithfulness else "Making the maps ...")

    def tell(done: int) -> None:
        bar.progress(done / len(rows), f"{done:,} of {len(rows):,} maps")

    maps = bulk_maps(services.explainer, version, run, rows, request, tell)
    bar.empty()
    return remembered("bulk", key, "", lambda: maps, most=2)


def _show(maps: BulkMaps, items: Sequence[SheetItem], of: int, file_name: str, target: str) -> int | None:
    """Shows the maps, and returns the index of the image that was just clicked, or None."""
    mean = maps.mean_map / max(float(maps.mean_map.max()), np.finfo(np.float32).tiny)
    left, right = st.columns([1, 2], gap="large")
    count = len(maps.heatmaps)
    with left:
        st.header("On average", anchor=False)
        st.image(
            overlay(enlarge(maps.mean_picture, MEAN_SIDE), mean, DEFAULT_OPACITY),
            width="stretch",
            alt=f"Mean of {count} maps over the mean of their images",
        )
        st.caption(
            "The mean map over the mean picture, scaled to its maximum. Bright: where the model looks in most images."
        )
    tiles = maps.overlays(DEFAULT_OPACITY, max(1, TILE // max(maps.pictures.shape[1:3])))
    with right:
        st.header("One by one", anchor=False)
        notes = [f"The first {count} of {of:,}." if of > count + maps.n_failed + maps.n_replaced else f"All {count}."]
        if maps.n_empty:
            notes.append(f"Empty, because there is no evidence for {plain(target)}: {counted(maps.n_empty, 'map')}.")
        if maps.n_failed:
            notes.append(f"{counted(maps.n_failed, 'image')} could not be read.")
        if maps.n_replaced:
            was = "was" if maps.n_replaced == 1 else "were"
            notes.append(
                f"{counted(maps.n_replaced, 'image')} {was} replaced by another picture since the evaluation, and left out."
            )
        st.caption(" ".join((*notes, "Click an image to explain it.")))
        opened = None if maps.verdicts else _show_sheet(tiles, items, "sheet-of-maps")
        for verdict, which in groups_by_verdict(maps.verdicts):
            show_count(verdict, len(which), count)
            clicked = _show_sheet(tiles[which], [items[i] for i in which], f"sheet-of-maps-{verdict}")
            opened = clicked if opened is None else opened
        st.download_button(
            "Sheet (PNG)",
            lambda: encode_png(contact_sheet(tiles, COLUMNS)),
            file_name,
            "image/png",
            key="download-sheet",
            icon=":material/download:",
            on_click="ignore",
        )
    return opened


def _show_sheet(tiles: np.ndarray, items: Sequence[SheetItem], key: str) -> int | None:
    return show_sheet(
        tiles, items, (), key, f"{counted(len(tiles), 'image')} with their maps", side=TILE, selects=False
    )
