"""Lists of images that the two answer differently, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core.analysis.comparison import Comparison, Outcomes
from dashboard.core.datasets import is_there
from dashboard.core.errors import DashboardError
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.filters import as_texts
from dashboard.core.runs.images import RunPictures
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.address import whole_address
from dashboard.ui.compare_address import COMPARED, ONLY, A, B
from dashboard.ui.contact_sheet import SheetItem, show_sheet
from dashboard.ui.doubtful_labels import WHAT_DOUBT_MEANS, doubtful_labels, marked, unknown_doubt
from dashboard.ui.picture_address import open_run_image
from dashboard.ui.session import stored_run
from dashboard.ui.turned_pages import page_of, turn_pages
from dashboard.ui.words import plain

IMAGES_A_PAGE = 40
SIDE = 128  # pixels of a picture that is read from the dataset
FILES_SHOWN = 200


def show_changes(services: Services, comparison: Comparison, outcomes: Outcomes) -> None:
    """Shows the images that only A gets right beside those that only B gets right."""
    show_side_by_side(
        services,
        comparison,
        ImageList(A, "Only A is right", outcomes.rows_only_a_right),
        ImageList(B, "Only B is right", outcomes.rows_only_b_right),
    )


@dataclass(frozen=True)
class ImageList:
    """Images that the two answer differently."""

    side: str  # A or B
    title: str  # tells the lists of a comparison apart
    rows: pd.DataFrame  # see `LabelledPairs.rows`


def show_side_by_side(services: Services, comparison: Comparison, left: ImageList, right: ImageList) -> None:
    """Shows two lists of images, those first of which B is most confident. Raises DatasetError if a run is gone."""
    a, b = (stored_run(services, side.manifest.run_id) for side in (comparison.a, comparison.b))
    for place, images in zip(st.columns(2, gap="large"), (left, right), strict=True):
        with place:
            st.markdown(
                f"**{plain(images.title)} ({len(images.rows):,})**",
                help="Sorted by the confidence of B, the highest first. Click an image to see where the model looks.",
            )
            if images.rows.empty:
                st.caption("None.")
            else:
                # two different runs have the same conditions
                about = "&".join((*as_texts(comparison.a.conditions), images.title))
                _show_images(services, a, b, images, about)


def _show_images(services: Services, a: Run, b: Run, listed: ImageList, about: str) -> None:
    """Shows a page of the images. `about` identifies the list, so that each list remembers its own page."""
    rows = listed.rows
    found = _pictures(services, a, b)
    if isinstance(found, DashboardError):
        st.caption(plain(f"The images cannot be shown. {found}"))
        _show_files(services, a, b, rows.head(FILES_SHOWN))
        return
    images, run, position = found
    key = f"{a.manifest.run_id}-{b.manifest.run_id}-{about}"
    pages, page_key = -(-len(rows) // IMAGES_A_PAGE), f"compare-page-{key}"
    page = page_of(page_key, pages, lists=2)
    shown = _with_files(run, rows.iloc[(page - 1) * IMAGES_A_PAGE : page * IMAGES_A_PAGE], position)
    tiles, readable = images.tiles(shown["index"].tolist(), shown["file"].tolist(), SIDE)
    can_be_explained = is_there(Path(run.manifest.dataset))
    doubtful = _doubtful(services, a, b, shown)
    items = [_item(row, doubt) for row, doubt in zip(shown.to_dict("records"), doubtful, strict=True)]
    opened = show_sheet(
        tiles, items, (), f"sheet-{key}-{page}", listed.title, few=True, opens=can_be_explained, selects=False
    )
    if opened is not None:
        compared = urlencode(whole_address(), doseq=True)
        open_run_image(run.manifest.run_id, opened, {COMPARED: compared, ONLY: listed.side})
    _explain_doubt(services, a, b, doubtful)
    if not readable.all():
        st.caption("The dataset was changed since this evaluation. Gray tiles stand for images that are gone.")
    turn_pages(page_key, pages, lists=2)


def _pictures(services: Services, a: Run, b: Run) -> tuple[RunPictures, Run, str] | DashboardError:
    """The pictures of the run that still has them, that run, and its column of positions; or why there are none."""
    error = None
    for run, position in ((b, "position_b"), (a, "position_a")):
        try:
            return RunPictures(services.runs, run.manifest), run, position
        except DashboardError as fault:
            error = error or fault
    assert error is not None
    return error


def _with_files(run: Run, rows: pd.DataFrame, position: str) -> pd.DataFrame:
    """The rows with the columns `index` and `file` of the run."""
    found = run.detail(rows.set_index(position), ["index", "file"])
    return rows.assign(index=found["index"].to_numpy(), file=found["file"].to_numpy())


def _doubtful(services: Services, a: Run, b: Run, rows: pd.DataFrame) -> np.ndarray:
    """(N,) bool: whether one of the two evaluations doubts the label of the row."""
    doubtful = np.zeros(len(rows), bool)
    for run, position in ((a, "position_a"), (b, "position_b")):
        index = run.detail(rows.set_index(position), ["index"])["index"]
        doubtful |= index.isin(doubtful_labels(services, run)).to_numpy()
    return doubtful


def _explain_doubt(services: Services, a: Run, b: Run, doubtful: np.ndarray) -> None:
    """Says what the marks of `_doubtful` mean, and why there may be none."""
    if doubtful.any():
        st.caption(WHAT_DOUBT_MEANS)
    for unknown in dict.fromkeys(filter(None, (unknown_doubt(services, each) for each in (a, b)))):
        st.caption(unknown)


def _item(row: dict[Any, Any], doubtful: bool) -> SheetItem:
    a, b = (f"{side.upper()}: {row[f'predicted_{side}']}{_share(row[f'confidence_{side}'])}" for side in "ab")
    words = f"Labelled {row['true_label']}, A predicted {row['predicted_a']}, B predicted {row['predicted_b']}"
    return SheetItem(
        int(row["index"]), f"{a}\n{b}", f"labelled {row['true_label']}", "doubt" if doubtful else "", words
    )


def _share(confidence: float) -> str:
    return "" if pd.isna(confidence) else f" {percent(confidence)}"


def _show_files(services: Services, a: Run, b: Run, rows: pd.DataFrame) -> None:
    columns = ["file", "true_label", "predicted_a", "predicted_b", "confidence_a", "confidence_b"]
    doubtful = _doubtful(services, a, b, rows)
    shown = _with_files(b, rows, "position_b").assign(true_label=marked(rows["true_label"], doubtful))
    st.dataframe(
        safe_for_spreadsheets(shown[columns]), hide_index=True, alt="Files with their label and both predictions"
    )
    _explain_doubt(services, a, b, doubtful)
