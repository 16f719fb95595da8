"""One page of the history as a table with small pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
import streamlit as st

from dashboard.core.errors import DashboardError, DatabaseError, ImageError
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.feedback.feedback import last_word_on
from dashboard.core.feedback.opinion import Opinion
from dashboard.core.history.entry import Entry
from dashboard.core.images.decoding import decode_image
from dashboard.core.images.drawing import encode_png, fit_side
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.services import Services
from dashboard.ui.history.history_filter import readers_zone
from dashboard.ui.session import remembered
from dashboard.ui.table_height import SEVERAL_LINES_PX
from dashboard.ui.words import in_percents, plain, without_backticks

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

T = TypeVar("T", Entry, Opinion)
_SIDE = 64  # pixels of a small picture
_DOUBT = {True: "probably", False: "no", None: "not known"}


def show_table(services: Services, entries: Sequence[Entry]) -> Entry | None:
    """Shows predictions, and gives the one that the reader selected. Raises DatabaseError."""
    damaged: list[DatabaseError] = []
    words = services.feedback.opinions(None, about=entries, damaged=damaged)
    last_word = last_word_on(words, services.visitor.called)
    show_damaged_records(damaged)
    names = ModelNames(services.registry)
    refs = [f"{each.model_name}@{each.model_version}" for each in entries]
    models = [names.fitted(ref, each.fit) for ref, each in zip(refs, entries, strict=True)]
    texts = pd.DataFrame(
        [
            (
                each.file, each.label, _in_words(last_word(each)), each.time_utc, _DOUBT[each.doubt],
                model, each.source, each.user,
            )
            for each, model in zip(entries, models, strict=True)
        ],
        columns=["file", "predicted", "feedback", "time", "doubt", "model", "source", "user"], dtype=object,
    )  # fmt: skip
    table = safe_for_spreadsheets(texts)
    table.insert(3, "confidence", [entry.confidence for entry in entries])
    pictures = [_small_picture(services, entry) for entry in entries]
    if any(pictures):
        table.insert(3, "image", pictures)
    config = st.column_config
    # so all columns fit at 1440 pixels, and the first three on a phone
    file_width, feedback_width = (90, 100) if texts["user"].any() else (130, 130)
    return choose_row(
        entries,
        table,
        key=f"history-{entries[0].prediction_id}-{entries[-1].prediction_id}",
        alt="Predictions, the newest first",
        columns={
            "image": config.ImageColumn("Image", width=70),
            "file": config.TextColumn("File", width=file_width),
            "predicted": config.TextColumn("Predicted", width=86),
            "feedback": config.TextColumn("Feedback", width=feedback_width),
            "model": config.TextColumn("Model", width=120),
            "user": config.TextColumn("User", width=80),
            "confidence": config.NumberColumn("Confidence"),
            "doubt": config.TextColumn(
                "None of these",
                help="Whether the image probably shows none of the model's classes. A low confidence is something else.",
            ),
        },
        shares=["confidence"],
        row_height=SEVERAL_LINES_PX if any(pictures) or models != refs else None,  # the fit stands in a second line
    )


def choose_row(
    records: Sequence[T],
    table: pd.DataFrame,
    key: str,
    alt: str,
    columns: Mapping[str, ColumnConfig] | None = None,
    shares: Sequence[str] = (),
    row_height: int | None = None,
) -> T | None:
    """Shows records as a table, and gives the one that the reader selected.

    Args:
        table: a row for each record, with its `time`. The column `user` is left out if no user is known.
        columns: how columns are shown.
        shares: columns of shares, which are shown in percent.
    """
    if not table["user"].any():
        table = table.drop(columns="user")
    table = table.assign(time=pd.to_datetime(table["time"], utc=True).dt.tz_convert(readers_zone()))
    time = st.column_config.DatetimeColumn("Time", format="D MMM YYYY, HH:mm:ss", help="In your time zone")
    chosen = st.dataframe(
        in_percents(table, shares),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        row_height=row_height,
        column_config={**{str(name): str(name).capitalize() for name in table}, "time": time, **(columns or {})},
        alt=alt,
    )
    rows = chosen.selection.rows
    return records[rows[0]] if rows and rows[0] < len(records) else None


def show_damaged_records(errors: Sequence[DatabaseError]) -> None:
    """A line for each record that cannot be read, and what to do."""
    for error in errors:
        st.warning(plain(error.message), icon=":material/warning:")
    if errors:
        st.caption(plain(without_backticks(errors[0].fix)))


def _in_words(opinion: Opinion | None) -> str:
    if opinion is None:
        return ""
    of = f": {opinion.true_label}" if opinion.verdict == "wrong" and opinion.true_label else ""
    return f"{opinion.verdict}{of}"


def _small_picture(services: Services, entry: Entry) -> str:
    """The picture as a data URL; "" if the image is not at hand. Images of evaluations count as kept."""
    return remembered("history-pictures", entry.prediction_id, "", lambda: _drawn(services, entry), most=200)


def kept_image(services: Services, entry: Entry) -> bytes | None:
    """The image file of a prediction; None if it is not at hand, or damaged in the database."""
    try:
        return services.history.image(entry)
    except DatabaseError as error:
        if not error.only_a_value:
            raise
        return None


def _drawn(services: Services, entry: Entry) -> str:
    data = kept_image(services, entry)
    with suppress(DashboardError, ImageError):
        if data is not None:
            picture = fit_side(decode_image(data, (_SIDE, _SIDE)).pixels, _SIDE)
            return f"data:image/png;base64,{base64.b64encode(encode_png(picture)).decode()}"
    return ""
