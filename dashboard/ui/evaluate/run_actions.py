"""The actions for a stored run: resume, note what one thinks of it, evaluate again, delete."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard.core.analysis.findings.class_order import MATCH_AGAIN
from dashboard.core.datasets import distinct_labels, is_there, open_dataset
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.evaluation.opening import why_not_resumed
from dashboard.core.runs.folder import DAYS_KEPT
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.evaluate.dataset_choice import start_or_explain
from dashboard.ui.evaluate.dataset_upload import ask_again
from dashboard.ui.evaluate.note import ask_for_note
from dashboard.ui.evaluate.shown_run import show_none
from dashboard.ui.set_aside_runs import delete_run
from dashboard.ui.sidebar import fault_of_model, model_in_use
from dashboard.ui.words import NOT_YOURS, local_time, plain


def offer_actions(services: Services, run: Run) -> None:
    """Shows the buttons."""
    manifest = run.manifest
    there = not manifest.imported and is_there(Path(manifest.dataset))
    folder = services.runs.folder(manifest.run_id)
    in_use, may_change = folder.is_under_way(manifest), folder.may_change()
    stopped = manifest.state != "finished" and not in_use
    refused = stopped and why_not_resumed(manifest, services.registry) is not None
    with st.container(horizontal=True, key="actions", horizontal_alignment="right"):
        if refused and there:
            _offer_to_evaluate_again(services, manifest, "content")
        go_on = there and stopped and not refused and may_change
        if go_on and st.button(
            "Resume", key="go-on", icon=":material/play_arrow:", help="Continues where it stopped, with the same model."
        ):
            services.jobs.go_on(manifest.run_id, services.registry)
            st.rerun()
        with st.popover("Actions", icon=":material/more_horiz:", key="more-actions"):
            if may_change and st.button(
                "Note and verdict", key="note-shown-run", icon=":material/edit_note:", width="stretch"
            ):
                ask_for_note(services, manifest)
            if there and not refused:
                _offer_to_evaluate_again(services, manifest, "stretch")
            if there and (manifest.label_map or manifest.unknown_labels):
                st.button(
                    MATCH_AGAIN, key="match-again", icon=":material/label:", width="stretch", on_click=_match_again,
                    args=(manifest,), help="Asks again which class each label means, then evaluates.",
                    disabled=fault_of_model() is not None,
                )  # fmt: skip
            if not may_change:
                st.caption(NOT_YOURS)
            elif not in_use:
                st.divider()  # so that nobody deletes who wants to evaluate again
                if st.button("Delete", key="delete", icon=":material/delete:", width="stretch"):
                    _confirm_deletion(services, manifest)


def _offer_to_evaluate_again(services: Services, manifest: RunManifest, width: Literal["content", "stretch"]) -> None:
    if st.button(f"Evaluate again with {_model_in_use()}", key="again", icon=":material/refresh:", width=width):
        start_or_explain(services, Path(manifest.dataset), _label_map_again(manifest), use_stored=False)


def _match_again(manifest: RunManifest) -> None:
    """Asks about the labels once more, with what was chosen for this run."""
    ask_again(Path(manifest.dataset), model_in_use(), dict(manifest.label_map))
    show_none()


def _model_in_use() -> str:
    with contextlib.suppress(DashboardError):
        return plain(model_in_use().ref)
    return "the model in use"


def _label_map_again(manifest: RunManifest) -> dict[str, str] | None:
    """The label map of the run if the labels and the classes are still the same, else None: the user is asked again."""
    with contextlib.suppress(DashboardError):  # the start will show the error
        label_map = dict(manifest.label_map)
        samples = open_dataset(Path(manifest.dataset)).samples
        if any(label.endswith("/") for label in label_map):
            samples = samples.labelled_by_path(label_map)
        same = set(label_map) == set(distinct_labels(samples))
        if same and model_in_use().class_names == manifest.class_names:
            return label_map
    return None


@st.dialog("Delete this evaluation?")
def _confirm_deletion(services: Services, manifest: RunManifest) -> None:
    """Asks for confirmation, since the run is deleted for everybody who sees it."""
    model = ModelNames(services.registry).of(manifest)
    st.text(f"{manifest.dataset_name}, {model}, {local_time(manifest.created_utc)}")
    st.caption(
        f"This deletes its metrics and predictions for everybody who sees them. They can be restored for {DAYS_KEPT} days. "
        "The dataset stays."
    )
    if st.button("Delete", key="delete-for-good", type="primary", on_click=_delete, args=(services, manifest.run_id)):
        st.rerun()


def _delete(services: Services, run_id: str) -> None:
    """Deletes a run and shows no run, unless that fails."""
    if delete_run(services, run_id):
        show_none()
