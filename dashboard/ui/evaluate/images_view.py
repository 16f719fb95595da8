"""The chosen images of a run as a contact sheet, page by page, which can be sorted, selected and opened."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, cast

import pandas as pd
import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.metrics.confusion import largest_cells
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.filters import Filter, as_texts, in_words, parse_filter
from dashboard.core.runs.images import RunPictures
from dashboard.core.runs.rows import DOUBT
from dashboard.core.runs.run import Order, Run, ordered
from dashboard.services import Services
from dashboard.ui.address import put_in_address, texts_in_address
from dashboard.ui.contact_sheet import SheetItem
from dashboard.ui.doubtful_labels import WHAT_DOUBT_MEANS, doubtful_labels, marked, unknown_doubt
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.chosen_images import ALL, MISTAKES, cell, choose_images, chosen_images
from dashboard.ui.evaluate.many_maps_view import show_bulk
from dashboard.ui.evaluate.sheet_page import show_sheet_page
from dashboard.ui.evaluation_address import IN_VIEW, SHOW, SORT, VIEW, WHERE
from dashboard.ui.session import filtered_run
from dashboard.ui.words import in_percents, labels_in_words, none_of

ROWS_OF_IMPORTED = 200
_COLUMNS = {"file": "File", "true_label": "Labelled", "predicted_label": "Predicted as", "confidence": "Confidence"}
_WIDTHS = (110, 85, 85, 76)  # pixels, that fit beside the confusion matrix
_MOST_CELLS = 200
_ORDER_KEY, _GALLERY = "image-order", "gallery"
_ORDERS: dict[Order, str] = {
    "most confident": "Most confident", "least confident": "Least confident", "smallest margin": "Smallest margin",
    "largest loss": "Largest loss", "dataset": "As in the dataset",
}  # fmt: skip


def show_images(services: Services, run: Run) -> None:
    """Shows the images that were chosen, or the most confident mistakes, and where the model looks in them."""
    rows = show_image_list(services, run)
    if len(rows):
        show_maps(services, run, rows)


def show_maps(services: Services, run: Run, rows: pd.DataFrame) -> None:
    """Shows where the model looks in the images that `show_image_list` has just shown; see `show_bulk`."""
    parameters = {
        WHERE: as_texts(run.conditions), IN_VIEW: str(st.session_state.get(VIEW) or ""),
        SHOW: as_texts(chosen_images(run)), SORT: str(st.session_state.get(_ORDER_KEY, "")),
    }  # fmt: skip
    show_bulk(services, run, rows, _items(services, run), parameters)


def show_image_list(services: Services, run: Run, beside: bool = False) -> pd.DataFrame:
    """Shows the images that were chosen, or the most confident mistakes. Returns the rows of all of them.

    Args:
        beside: see `show_sheet_page`.
    """
    run_id = run.manifest.run_id
    try:
        conditions = chosen_images(run)
        chosen = filtered_run(services, run, conditions)
    except DashboardError as error:
        show_error(error, "These images cannot be shown.")
        st.button("Show other images", key="show-others", on_click=choose_images, args=(run_id, []))
        return run.evaluated.head(0)
    with st.container(horizontal=True, vertical_alignment="bottom", key="images-head"):
        _choose(run, conditions, len(chosen.evaluated))
        order: Order = "dataset"
        if run.has_probabilities:
            order = _choose_order("most confident" if len(run.labelled) else "least confident")
    if chosen.evaluated.empty:
        st.info("No mistakes here." if conditions == MISTAKES else "No image matches.", icon=":material/check:")
        return chosen.evaluated
    rows = ordered(chosen, order)
    if run.manifest.imported:
        _show_imported(services, run, rows)
    else:
        _show_page(services, run, rows, order, beside)
    return rows


def _choose_order(default: Order) -> Order:
    """Offers the orders. The address holds the chosen one, and the session for when the reader comes back."""
    named = texts_in_address(SORT, _GALLERY)
    st.session_state[_ORDER_KEY] = named[0] if named and named[0] in _ORDERS else default

    def choose() -> None:
        order = st.session_state[_ORDER_KEY]
        put_in_address(SORT, _GALLERY, [] if order == default else [order])

    return cast(
        Order,
        st.selectbox(
            "Sort by", list(_ORDERS), format_func=_ORDERS.__getitem__, key=_ORDER_KEY, on_change=choose, width=200
        ),
    )


def _choose(run: Run, conditions: Filter, count: int) -> None:
    """Offers the mistakes, all images, and the cells of the confusion matrix, those with mistakes first."""
    run_id, evaluation = run.manifest.run_id, run.evaluation()
    titles: dict[tuple[str, ...], str] = {}
    if evaluation:
        mistakes = evaluation.accuracy.n - int(evaluation.confusion.trace())
        titles[tuple(as_texts(MISTAKES))] = f"Mistakes ({mistakes:,})"
    titles[tuple(as_texts(ALL))] = f"All images ({len(run.evaluated):,})"
    if evaluation:
        names = evaluation.class_names
        for true, predicted, images in largest_cells(evaluation.confusion, _MOST_CELLS):
            texts = tuple(cell(names[true], names[predicted]))
            titles[texts] = f"{_title(parse_filter(texts))} ({images:,})"
    current = tuple(as_texts(conditions))
    titles.setdefault(current, f"{_title(conditions)} ({count:,})")
    key = f"images-of-{run_id}"
    st.session_state[key] = current
    st.selectbox(
        "Images",
        list(titles),
        format_func=titles.__getitem__,
        key=key,
        on_change=lambda: choose_images(run_id, st.session_state[key]),
        help="Or click a cell, a row of a table, a bar or a finding. A label with a question mark may be wrong: the "
        "view Labels says why.",
        width=400,  # beside the confusion matrix, so much is needed for a cell's two labels; then the order stands below
    )


def _title(conditions: Filter) -> str:
    words = in_words(conditions)
    return words[:1].upper() + words[1:]


def _show_page(services: Services, run: Run, rows: pd.DataFrame, order: Order, beside: bool) -> None:
    try:
        pictures: RunPictures | None = RunPictures(services.runs, run.manifest)
    except DashboardError as error:
        pictures = None
        if run.manifest.dataset:
            show_error(error, "The images of this evaluation are no longer on the server.")
        else:
            st.text(error.message)
    _say_what_doubt_means(services, run, rows)
    texts = as_texts(chosen_images(run))
    parameters = {SHOW: texts, SORT: order}
    items = _items(services, run)
    shown = show_sheet_page(services, run, pictures, rows, items, "&".join((*texts, order)), parameters, beside)
    _say_why_no_doubt(services, run, shown)
    if shown[DOUBT].eq(True).any():
        words = none_of(len(run.manifest.class_names))
        st.caption(f'"{words}?": the picture probably shows none of the classes of the model.')
    with st.expander("File names", expanded=pictures is None):
        _show_rows(services, run, shown, "File, labels and confidence of these images")


def _say_what_doubt_means(services: Services, run: Run, rows: pd.DataFrame) -> None:
    if rows["index"].isin(doubtful_labels(services, run)).any():
        st.caption(WHAT_DOUBT_MEANS)


def _say_why_no_doubt(services: Services, run: Run, shown: pd.DataFrame) -> None:
    if _differs(shown).any() and (unknown := unknown_doubt(services, run)):
        st.caption(unknown)


def _differs(rows: pd.DataFrame) -> pd.Series:
    """(N,) bool: whether the row has a label, and another one than it is predicted as."""
    return rows["true_label"].notna() & (rows["true_label"].astype(str) != rows["predicted_label"].astype(str))


def _items(services: Services, run: Run) -> Callable[[dict[Hashable, Any]], SheetItem]:
    """What stands below the picture of a row of the run."""
    doubtful = doubtful_labels(services, run)
    return lambda row: _item(row, int(str(row["index"])) in doubtful, len(run.manifest.class_names))


def _item(row: dict[Hashable, Any], doubtful: bool, classes: int) -> SheetItem:
    label, predicted, confidence = row["true_label"], str(row["predicted_label"]), float(str(row["confidence"]))
    text = f"{predicted} {percent(confidence)}"
    strange = none_of(classes) if row[DOUBT] else ""
    if not isinstance(label, str):
        tone = "doubt" if strange else ""
        return SheetItem(int(str(row["index"])), text, strange, tone, labels_in_words(row))  # type: ignore[arg-type]
    if strange:
        text += f", {strange}?"
    tone = "" if label == predicted else "doubt" if doubtful else "wrong"
    return SheetItem(int(str(row["index"])), text, f"labelled {label}", tone, labels_in_words(row))  # type: ignore[arg-type]


def _show_imported(services: Services, run: Run, rows: pd.DataFrame) -> None:
    st.info("These predictions were imported, so there are no images to show.", icon=":material/hide_image:")
    some = rows.head(ROWS_OF_IMPORTED)
    some = some.assign(file=run.detail(some, ["file"])["file"])
    _say_what_doubt_means(services, run, some)
    if run.has_probabilities:
        _show_rows(services, run, some, "File, labels and confidence of these predictions", key="imported-rows")
    else:
        some = some.drop(columns="confidence")
        _show_rows(services, run, some, "File and labels of these predictions", key="imported-rows")
    _say_why_no_doubt(services, run, some)


def _show_rows(services: Services, run: Run, rows: pd.DataFrame, alt: str, key: str | None = None) -> None:
    doubtful = rows["index"].isin(doubtful_labels(services, run)) & _differs(rows)
    rows = rows.assign(true_label=marked(rows["true_label"], doubtful.to_numpy()))
    shown = safe_for_spreadsheets(rows[[name for name in _COLUMNS if name in rows]])
    st.dataframe(
        in_percents(shown, ["confidence"]) if "confidence" in shown else shown,
        hide_index=True,
        key=key,
        alt=alt,
        placeholder="-",
        column_config={
            name: st.column_config.Column(title, width=width)
            for (name, title), width in zip(_COLUMNS.items(), _WIDTHS, strict=True)
        },
    )
