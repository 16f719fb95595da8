"""What people think of a run: a verdict and a note, shown and asked for."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, get_args

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.runs.annotations import Annotations, Verdict
from dashboard.core.runs.manifest import RunManifest
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.words import local_time

_OPENED, _NOT_SAVED = "notes-opened", "note-not-saved"  # in the session
_BADGES: dict[Verdict, dict[str, Any]] = {
    "to review": {"icon": ":material/visibility:", "color": "orange"},
    "accepted": {"icon": ":material/check_circle:", "color": "green"},
    "rejected": {"icon": ":material/cancel:", "color": "red"},
}


def show_note(services: Services, run_id: str) -> None:
    """Shows the verdict as a badge and the note as text, if there are any that can be read."""
    noted = Annotations()
    with contextlib.suppress(DashboardError):
        noted = services.runs.folder(run_id).beside.annotations()
    if noted.verdict:
        st.badge(noted.verdict.capitalize(), **_BADGES[noted.verdict])
    if noted.note:
        st.text(noted.note)


def ask_for_note(services: Services, manifest: RunManifest) -> None:
    """Opens a dialog that asks for the verdict and the note of a run, and stores them for everyone."""
    # another key each time, because the session keeps for a while what was typed and not saved
    opened = st.session_state[_OPENED] = st.session_state.get(_OPENED, 0) + 1
    _ask(services, manifest, f"{manifest.run_id}-{opened}")


@st.dialog("Note and verdict")
def _ask(services: Services, manifest: RunManifest, key: str) -> None:
    model = ModelNames(services.registry).of(manifest)
    st.text(f"{manifest.dataset_name}, {model}, {local_time(manifest.created_utc)}")
    try:
        noted = services.runs.folder(manifest.run_id).beside.annotations()
    except DashboardError as error:
        show_error(error, "The note cannot be changed.")
        return
    st.segmented_control(
        "Verdict",
        get_args(Verdict),
        format_func=lambda verdict: (verdict or "none").capitalize(),
        default=noted.verdict,
        required=True,
        key=f"verdict-{key}",
    )
    st.text_area("Note", noted.note, key=f"note-{key}", max_chars=2000)
    saved = st.button("Save", key="save-note", type="primary", on_click=_save, args=(services, manifest.run_id, key))
    if fault := st.session_state.pop(_NOT_SAVED, None):
        show_error(fault, "The note was not saved.")
    elif saved:
        st.rerun()


def _save(services: Services, run_id: str, key: str) -> None:
    """Stores what was noted, or keeps the error for the dialog."""
    verdict, note = st.session_state[f"verdict-{key}"], st.session_state[f"note-{key}"]
    try:
        services.runs.folder(run_id).beside.annotate(
            lambda found: replace(found, verdict=verdict or "", note=note.strip())
        )
    except DashboardError as error:
        st.session_state[_NOT_SAVED] = error
