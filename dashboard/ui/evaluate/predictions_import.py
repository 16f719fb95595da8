"""Uploaded predictions of another program: what they are, what their classes are called, and their import as a run."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.importing.dropped import DroppedPredictions
from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.labels.choices import NOTHING_DECIDED, Decision, label_choices
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.dataset_questions import show_question
from dashboard.ui.evaluate.label_editor import edit_labels
from dashboard.ui.evaluate.shown_run import show
from dashboard.ui.sidebar import model_in_use
from dashboard.ui.words import plain

_DROPPED = "predictions-dropped"  # in the session
_NOT_IMPORTED = "The predictions were not imported."
_PREDICTIONS, _DATASET = "Predictions of another program", "A dataset of images"


def remember_predictions(dropped: DroppedPredictions) -> None:
    """Makes the page ask about these predictions from now on."""
    st.session_state[_DROPPED] = dropped


def predictions_in_question() -> DroppedPredictions | None:
    """The uploaded predictions that the page asks about, or None."""
    dropped: DroppedPredictions | None = st.session_state.get(_DROPPED)
    return dropped


def offer_import(services: Services, dropped: DroppedPredictions) -> Path | None:
    """Shows what is known about the predictions and imports them on a click.

    Returns the path of a dataset if the user says that the files are one.
    """
    st.text(dropped.predictions.name)
    if dropped.unsure:
        st.warning(plain(f"These may be predictions, but {dropped.unsure}."), icon=":material/help:")
        kind = st.segmented_control("Read this as", [_PREDICTIONS, _DATASET], key="predictions-kind")
        if kind == _DATASET:
            st.session_state.pop(_DROPPED)
            return dropped.as_dataset(services.settings)
        if kind is None:
            return None
    request: ImportRequest | None = None
    try:
        if dropped.readings:
            reading = st.selectbox(
                "Which arrays hold the probabilities and the true labels?", dropped.readings, None,
                format_func=lambda each: each.in_words, key="predictions-arrays", placeholder="Choose", width=620,
            )  # fmt: skip
            if reading is None:
                _discard_button()
                return None
            dropped = dropped.read_as(reading)
        st.caption(plain(_what_they_are(dropped)))
        version = model_in_use()
        possible = dropped.possible_names(version.ref, version.class_names)
        source = st.selectbox("Names of the classes from", list(possible), key="predictions-names", width=360)
        names = _in_order(dropped, possible[source or next(iter(possible))])
        request = _asked_for(dropped, names) if names else None
    except DashboardError as error:
        show_error(error, _NOT_IMPORTED)
    with st.container(horizontal=True):
        go = st.button("Import", key="import-predictions", type="primary", disabled=request is None)
        _discard_button()
    if go and request:
        _import(services, request)
    return None


def _discard_button() -> None:
    if st.button("Discard", key="discard-predictions"):
        st.session_state.pop(_DROPPED)
        st.rerun()


def _what_they_are(dropped: DroppedPredictions) -> str:
    """Raises DatasetError when the labels cannot be used."""
    labelled = sum(dropped.label_counts.values())
    from_file = f" from {dropped.labels.name}" if dropped.labels else ""
    if not labelled:
        labels = "without true labels"
    elif labelled == dropped.n_rows:
        labels = f"with true labels{from_file}"
    else:
        labels = f"{labelled:,} of them with true labels{from_file}"
    if dropped.only_classes:
        what = f"predicted classes ({dropped.n_classes:,} classes)"
    elif dropped.n_classes == 1:
        what = f"the probability of {dropped.known_class or 'one of two classes'}"
    else:
        what = f"probabilities of {dropped.n_classes:,} classes"
    told = (
        f"These are predictions: {dropped.n_rows:,} rows with {what}, {labels}. "
        "They become an evaluation without images."
    )
    return " ".join((told, *dropped.notes))


def _in_order(dropped: DroppedPredictions, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names of the classes; of two with one probability per row, the one that it is of comes last.

    If the file does not tell which one this is, the user is asked. Returns None as long as the user has not said so.
    """
    if dropped.n_classes > 1 or dropped.known_class in names:
        return names
    chosen = st.selectbox(
        "Which class does the probability belong to?", names, dropped.likely_class(names),
        key=f"predictions-class-{hash(names)}", placeholder="Choose", width=360,
    )  # fmt: skip
    return (*(name for name in names if name != chosen), chosen) if chosen else None


def _asked_for(dropped: DroppedPredictions, names: tuple[str, ...]) -> ImportRequest | None:
    """Asks what the labels mean. Returns None as long as the user has not said so; raises DatasetError."""
    counts = dropped.label_counts
    unnamed = dropped.numbers_classes(names)
    choices = label_choices(counts, names, unnamed=unnamed)
    first_id: int | None = None
    decision: Decision = NOTHING_DECIDED
    if choices.question:
        start = show_question(choices.question, "predictions-start")
        first_id = None if start is None else int(start)
        choices = label_choices(counts, names, first_id, unnamed)
    if not choices.question:
        decision = edit_labels(choices, "these predictions", names, f"predictions-labels-{hash(names)}-{first_id}")
    if not decision.complete:
        return None
    given = None if unnamed else names
    return ImportRequest(
        dropped.predictions,
        given,
        dropped.labels,
        label_map=decision.label_map,
        first_id=first_id,
        reading=dropped.reading,
    )


def _import(services: Services, request: ImportRequest) -> None:
    """Stores the predictions as a run and shows it."""
    try:
        with st.spinner("Importing ..."):
            imported = import_predictions(request, services.runs)
    except DashboardError as error:
        show_error(error, _NOT_IMPORTED)
        return
    st.session_state.pop(_DROPPED)
    show(imported.manifest.run_id)
    st.rerun()
