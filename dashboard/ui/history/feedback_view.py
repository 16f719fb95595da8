"""What readers said about predictions: the accuracy from it, the list, exports, and a way to delete one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.errors import DashboardError, DatabaseError, counted
from dashboard.core.feedback.feedback import accuracy_of
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.core.metrics.percent import in_percent, percent
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.services import Services
from dashboard.ui.download import offer_file
from dashboard.ui.errors import as_text, show_error
from dashboard.ui.history.table import choose_row, show_damaged_records
from dashboard.ui.words import plain

if TYPE_CHECKING:
    from dashboard.core.feedback.opinion import Opinion

SHOWN = 200
_ERROR = "withdraw-error"  # in the session
_ABOUT_NONE = f"“{NONE_OF_THESE}”: the model suspected so, and the user says so too. That is neither right nor wrong."


def show_feedback(services: Services) -> None:
    """Shows it. Raises DatabaseError or DependencyError if the database cannot be used."""
    if error := st.session_state.pop(_ERROR, None):
        show_error(error, "The feedback was not deleted.")
    damaged: list[DatabaseError] = []
    words = services.feedback.opinions(None, user=services.visitor.sees_only, damaged=damaged)
    show_damaged_records(damaged)
    if not words and damaged:
        return
    if (accuracy := accuracy_of(words)) is None:
        nobody = "Nobody has said yet" if services.visitor.sees_only is None else "You have not said yet"
        st.info(f"{nobody} whether a prediction is right. Predict asks below each answer.", icon=":material/reviews:")
        return
    right, notes = accuracy.right, accuracy.notes
    st.metric("Called right", percent(right.value) if right else "-")
    if right:
        interval = f"95% interval {in_percent(right.low)} to {in_percent(right.high)}%"
        notes = f"{interval}, from {counted(right.n, 'prediction')}. {notes}"
    st.caption(notes)
    chosen = _show_list(words[:SHOWN])
    if len(words) > SHOWN:
        st.caption(f"The newest {SHOWN} are listed; the exports have all.")
    row, reasons = st.container(horizontal=True), st.container()
    with row:
        _offer_exports(services, words, len(damaged), reasons)
        if chosen:
            st.button(
                "Delete the selected feedback", key="withdraw", icon=":material/delete:",
                on_click=_withdraw, args=(services, chosen),
            )  # fmt: skip
    if not chosen:
        st.caption("Select a row to delete its feedback.")


def _show_list(opinions: Sequence[Opinion]) -> Opinion | None:
    texts = pd.DataFrame(
        [
            (
                each.file, each.verdict, each.true_label or "", each.predicted_label, each.note,
                f"{each.model_name}@{each.model_version}", each.time_utc, each.user,
            )
            for each in opinions
        ],
        columns=["file", "feedback", "true label", "predicted", "note", "model", "time", "user"], dtype=object,
    )  # fmt: skip
    config = st.column_config
    note_width = 190 if texts["user"].any() else 260  # so all columns fit at 1440 pixels
    return choose_row(
        opinions,
        safe_for_spreadsheets(texts),
        key=f"feedback-{opinions[0].feedback_id}-{len(opinions)}",
        alt="Feedback, the newest first",
        columns={
            "file": config.TextColumn("File", width=110),
            "predicted": config.TextColumn("Predicted", width=86),
            "feedback": config.TextColumn("Feedback", width=97, help=_ABOUT_NONE),
            "true label": config.TextColumn("True label", width=97),
            "note": config.TextColumn("Note", width=note_width),
            "model": config.TextColumn("Model", width=120),
            "user": config.TextColumn("User", width=60),
        },
    )


def _offer_exports(services: Services, words: Sequence[Opinion], n_damaged: int, reasons: DeltaGenerator) -> None:
    from dashboard.core.feedback.exporting import (
        agreed,
        images_not_at_hand,
        why_no_images,
        why_not_in_zip,
        write_labels,
        write_zip,
    )

    def as_zip() -> bytes:
        out = io.BytesIO()
        write_zip(_last_words(services), services.history, out)
        return out.getvalue()

    def as_csv() -> bytes:
        out = io.BytesIO()
        write_labels(_last_words(services), out)
        return out.getvalue()

    said = agreed(words)
    gone = images_not_at_hand(said, services.history)
    why_not = why_no_images(said, gone, services.history)
    offer_file(
        "Class folders (ZIP)", as_zip, "feedback.zip", "application/zip", "feedback-zip", reasons,
        icon=":material/folder_zip:", disabled=why_not is not None,
        help="The images that are at hand, one folder for each true label.",
    )  # fmt: skip
    offer_file("Labels (CSV)", as_csv, "feedback.csv", "text/csv", "feedback-csv", reasons)
    if n_damaged:
        are = "is" if n_damaged == 1 else "are"
        reasons.caption(f"{counted(n_damaged, 'damaged record')} {are} left out of the exports.")
    if why_not:
        reasons.caption(as_text(why_not))
        return
    if gone:
        reasons.caption(why_not_in_zip(said, gone, services.history))
    for left_out, why in (
        (said.disputed, "there are different answers about the true label"),
        (said.unlabelled, "nobody named the true label"),
    ):
        if left_out:
            are = "is" if left_out == 1 else "are"
            reasons.caption(f"{counted(left_out, 'image')} {are} left out of the exports, because {why}.")


def _last_words(services: Services) -> list[Opinion]:
    """The last word of each user on each prediction, or of the one user whose feedback may be seen, if it can be read."""
    return services.feedback.opinions(None, user=services.visitor.sees_only, damaged=[])


def _withdraw(services: Services, opinion: Opinion) -> None:
    try:
        services.feedback.withdraw(opinion.subject, opinion.user)
    except DashboardError as error:
        st.session_state[_ERROR] = error
        return
    services.note("feedback.deleted", opinion.subject)
    st.toast(plain(f"The feedback on {opinion.file or 'this image'} was deleted."))
