"""The predictions of the history, page by page, with filters, export, and a way to open one again."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING

import streamlit as st

from dashboard.core.database.faults import left_out
from dashboard.core.errors import DashboardError, DatabaseError, counted
from dashboard.core.history.entry import Entry, HistoryFilter, Page
from dashboard.core.history.history import HOW_TO_KEEP_IMAGES
from dashboard.core.history.prediction_ids import place_in_run
from dashboard.services import Services
from dashboard.ui.chosen_picture import choose
from dashboard.ui.download import offer_file
from dashboard.ui.history.history_filter import ask_for_filter
from dashboard.ui.history.table import kept_image, show_damaged_records, show_table
from dashboard.ui.navigation import PAGES
from dashboard.ui.picture_address import open_run_image
from dashboard.ui.words import without_backticks

if TYPE_CHECKING:
    from dashboard.core.history.exporting import FeedbackOn

A_PAGE = 25
_CURSORS = "history-cursors"  # in the session: the filter, and the cursors of the pages up to the one that is shown


def show_predictions(services: Services) -> None:
    """Shows them. Raises DatabaseError or DependencyError if the database cannot be used."""
    asked = ask_for_filter(services.visitor)
    cursors = _cursors(asked)
    services.history.flush(1.0)  # so that the prediction just made is there
    page = services.history.query(asked, A_PAGE, cursors[-1])
    if page.entries:
        chosen = show_table(services, page.entries)
        _offer_to_open(services, chosen)
    elif not page.damaged:
        _say_that_nothing_is_there(services.visitor.sees_only, asked, len(cursors))
    show_damaged_records(page.damaged)
    _turn(page, cursors)
    if page.entries:
        _offer_export(services, asked)
    _say_what_is_kept(services)


def _say_what_is_kept(services: Services) -> None:
    settings = services.settings
    kept = f"Predictions are kept for {counted(settings.history_days, 'day')}. " if settings.history_days else ""
    if settings.history_images:
        days = settings.history_image_days
        st.caption(f"{kept}Images are kept for {counted(days, 'day')} at most." if days else f"{kept}Images are kept.")
        return
    st.caption(f"{kept}Single images are not kept, only their names and results. {HOW_TO_KEEP_IMAGES}")


def _say_that_nothing_is_there(only: str | None, asked: HistoryFilter, page: int) -> None:
    if page > 1:
        st.info("There are no older predictions.", icon=":material/history:")
    elif asked == HistoryFilter(user=only):
        st.info(
            "No prediction was made yet. Those of Predict, of evaluations, of the API and of commands appear here.",
            icon=":material/history:",
        )
    else:
        st.info("No prediction passes this filter.", icon=":material/filter_alt:")


def _cursors(asked: HistoryFilter) -> list[str | None]:
    of, cursors = st.session_state.get(_CURSORS, (None, []))
    if of != asked:
        cursors = [None]
        st.session_state[_CURSORS] = asked, cursors
    return list(cursors)


def _turn(page: Page, cursors: list[str | None]) -> None:
    if page.next_cursor is None and len(cursors) == 1:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Newer", key="newer", icon=":material/arrow_back:", disabled=len(cursors) == 1, on_click=_back)
        st.text(f"Page {len(cursors):,}", width="content")
        st.button(
            "Older", key="older", icon=":material/arrow_forward:", disabled=page.next_cursor is None,
            on_click=_on, args=(page.next_cursor,),
        )  # fmt: skip


def _back() -> None:
    st.session_state[_CURSORS][1].pop()


def _on(cursor: str) -> None:
    st.session_state[_CURSORS][1].append(cursor)


def _offer_to_open(services: Services, entry: Entry | None) -> None:
    if entry is None:
        which = "a row" if services.settings.history_images else "a row of an evaluation"
        st.caption(f"Select {which} to open its image again.")
        return
    place = place_in_run(entry.prediction_id)
    image = None if place else kept_image(services, entry)
    if place is None and image is None:
        st.caption("The image of this prediction is not kept or is damaged, so it cannot be opened.")
        return
    if not st.button("Open this image", key="open-again", icon=":material/open_in_new:"):
        return
    if place:
        open_run_image(*place)
    elif image:
        choose(entry.file or "image", image)
        st.switch_page(PAGES / "predict.py")


def _offer_export(services: Services, asked: HistoryFilter) -> None:
    from dashboard.core.history.exporting import write_csv, write_json_lines

    row, reasons = st.container(horizontal=True, vertical_alignment="center"), st.container()
    with row:
        for title, write, ending, mime in (
            ("CSV", write_csv, "csv", "text/csv"),
            ("JSON lines", write_json_lines, "jsonl", "application/x-ndjson"),
        ):
            damaged: list[DatabaseError] = []
            offer_file(
                title, partial(_made, services, asked, write, damaged), f"history.{ending}", mime, f"history-{ending}",
                reasons, note=partial(_left_out, damaged),
            )  # fmt: skip
        st.caption("All predictions that pass the filter.", width="content")


def _made(
    services: Services,
    asked: HistoryFilter,
    write: Callable[[Iterable[Entry], IO[bytes], FeedbackOn], int],
    damaged: list[DatabaseError],
) -> bytes:
    """The file. `damaged` gets the errors of the records that it lacks."""
    from dashboard.core.feedback.exporting import feedback_on

    out = io.BytesIO()
    damaged.clear()  # of an earlier click
    try:
        said = feedback_on(services.feedback.opinions(None, damaged=damaged), services.visitor.called)
        write(services.history.walk(asked, damaged), out, said)
    except OSError as error:
        raise DashboardError(f"The history cannot be read: {error}.", "Try again.", "storage") from error
    return out.getvalue()


def _left_out(damaged: Sequence[DatabaseError]) -> str:
    return without_backticks(left_out(damaged))
