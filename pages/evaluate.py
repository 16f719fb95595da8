"""A whole dataset: how good is the model, what does it confuse, and which images are they?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard.core.datasets import distinct_labels, is_there, open_dataset
from dashboard.core.datasets.library import library
from dashboard.core.errors import DashboardError, DatasetError
from dashboard.core.evaluation.jobs import Job
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.dataset_upload import (
    NOT_EVALUATED,
    begin,
    decide_labels,
    forget_undecided,
    undecided_dataset,
    upload_dataset,
)
from dashboard.ui.evaluate.job_view import POLL_S, follow_run, list_jobs, watch_job
from dashboard.ui.evaluate.run_view import show_run
from dashboard.ui.resources import get_services
from dashboard.ui.session import state_of_run, stored_run
from dashboard.ui.sidebar import model_in_use
from dashboard.ui.words import local_time, told_apart

services = get_services()


def start(path: Path, label_map: Mapping[str, str], use_stored: bool = True) -> None:
    """Begins an evaluation and shows it from now on."""
    show(services.jobs.start(path, model_in_use(), label_map, use_stored).run_id)


def start_or_explain(path: Path, label_map: Mapping[str, str] | None = None, use_stored: bool = True) -> None:
    """What a button does: starts, asks what labels mean, or says why that cannot be."""
    try:
        if label_map is None:
            begin(path, model_in_use(), partial(start, use_stored=use_stored))
        else:
            start(path, label_map, use_stored)
    except DashboardError as error:
        show_error(error, NOT_EVALUATED)
    else:
        st.rerun()


def show(run_id: str) -> None:
    """Makes this session, and its address after a reload, be about one run."""
    st.session_state["run_id"] = st.query_params["run"] = run_id


def choose_dataset() -> None:
    """Upload or pick, say what labels mean where that is not clear, then start."""
    if path := undecided_dataset(services.settings):
        try:
            decide_labels(path, model_in_use(), services.settings, start_or_explain)
        except DashboardError as error:
            forget_undecided()
            show_error(error, NOT_EVALUATED)
        return
    source = st.segmented_control(
        "Dataset from",
        ["Upload", "This server"],
        default="Upload",
        required=True,
        key="dataset-source",
        persist_state="session",
    )
    if source == "Upload":
        if path := upload_dataset(services.settings):
            start_or_explain(path)
        return
    entries = {entry.title: entry for entry in library(services.settings)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.selectbox("Dataset", list(entries), key="library", width=360)
        if st.button("Evaluate", key="evaluate", type="primary", disabled=title is None) and title:
            start_or_explain(entries[title].path)
        if "CIFAR-10 test set" not in entries:
            get_cifar10()


def get_cifar10() -> None:
    """Offers the download, or shows how far it is."""
    state = services.cifar10.state
    if state.active:
        watch_download()
        return
    if st.button(
        "Get CIFAR-10", key="get-cifar10", icon=":material/download:", help="163 MB from its official address"
    ):
        services.cifar10.start()
        st.rerun()
    if state.error:
        show_error(state.error, "CIFAR-10 is not here yet.")


@st.fragment(run_every=POLL_S)
def watch_download() -> None:
    """Polls the download until it ends."""
    state = services.cifar10.state
    if not state.active:
        st.rerun()
    st.progress(state.share, f"Getting CIFAR-10, {state.done / 2**20:.0f} MB", width=320)


def earlier_runs() -> None:
    """A way back to what was evaluated before."""
    active = {job.run_id for job in services.jobs.active()}
    titles = {
        m.run_id: f"{m.dataset_name}, {m.model}, {local_time(m.created_utc)}"
        + ("" if m.state == "finished" else " (not finished)")
        for m in services.runs.list()
        if m.run_id not in active
    }

    def show_chosen() -> None:
        if chosen := st.session_state["earlier"]:
            show(chosen)
            st.session_state["earlier"] = None  # so that it can be chosen again later

    titles = told_apart(titles)
    if titles:
        st.selectbox(
            "Earlier evaluations",
            list(titles),
            index=None,
            format_func=lambda run_id: titles[run_id],
            key="earlier",
            placeholder="Choose one to see it again",
            help="Everyone who uses this dashboard sees them.",
            on_change=show_chosen,
            width=520,
        )


def offer_actions(run: Run) -> None:
    """Go on, do it anew, or delete it."""
    manifest = run.manifest
    dataset = Path(manifest.dataset)
    there = not manifest.imported and is_there(dataset)
    in_use = services.runs.state(manifest) == "running"
    with st.container(horizontal=True, key="actions"):
        go_on = there and manifest.state != "finished" and not in_use
        if go_on and st.button(
            "Go on", key="go-on", icon=":material/play_arrow:", help="From where it stopped, with the same model."
        ):
            services.jobs.go_on(manifest.run_id, services.registry)
            st.rerun()
        if there and st.button(
            "Evaluate again", key="again", icon=":material/refresh:", help="From the start, with the model in use."
        ):
            start_or_explain(dataset, label_map_again(manifest), use_stored=False)
        if not in_use and st.button("Delete", key="delete", icon=":material/delete:", type="tertiary"):
            confirm_deletion(manifest)


def label_map_again(manifest: RunManifest) -> dict[str, str] | None:
    """What labels meant, where model and dataset still have the same ones; None: to be asked anew."""
    with contextlib.suppress(DashboardError):  # told when it starts
        labels = {*dict(manifest.label_map), *manifest.unknown_labels}
        same = labels == set(distinct_labels(open_dataset(Path(manifest.dataset)).samples))
        if same and model_in_use().class_names == manifest.class_names:
            return dict(manifest.label_map)
    return None


@st.dialog("Delete this evaluation?")
def confirm_deletion(manifest: RunManifest) -> None:
    """Asks once more, for everybody loses it."""
    st.text(f"{manifest.dataset_name}, {manifest.model}, {local_time(manifest.created_utc)}")
    st.caption("Its figures and predictions go, for everyone who uses this dashboard. The dataset stays.")
    if st.button("Delete", key="delete-for-good", type="primary", on_click=delete, args=(manifest.run_id,)):
        st.rerun()


def delete(run_id: str) -> None:
    """Deletes a run and shows none, or keeps why it was not deleted."""
    try:
        services.runs.delete(run_id)
    except DashboardError as error:
        st.session_state["not_deleted"] = error
        return
    except OSError as error:
        fault = f"{error.filename}: {error.strerror}."
        st.session_state["not_deleted"] = DatasetError(fault, "Let the dashboard's user write there.", "permission")
        return
    st.session_state.pop("run_id", None)
    st.query_params.clear()


def show_ended(run_id: str, job: Job | None) -> None:
    """What became of the job of this server, if it was one, and what is stored, also where the job did nothing for it."""
    stored: RunManifest | None = None
    with contextlib.suppress(DashboardError):
        stored = services.runs.manifest(run_id)
    if job and job.error and not (stored and stored.state == "finished"):  # else somebody else has finished it since
        begun = stored and (services.runs.is_packed(run_id) or services.runs.growth(run_id))
        show_error(job.error, "The evaluation stopped." if begun else NOT_EVALUATED)
    elif job and job.state == "cancelled" and not stored:
        st.info("Cancelled before the first image.", icon=":material/info:")
    if stored or not job:
        show_stored(run_id)


def show_stored(run_id: str) -> None:
    """A run that has ended, or what was done of it."""
    try:
        shown = state_of_run(services, run_id)
        run = stored_run(services, run_id)
        if st.session_state.get("evaluated_before") == run_id and run.manifest.state == "finished":
            st.info(f"Evaluated before, on {local_time(run.manifest.created_utc)}.", icon=":material/history:")
        offer_actions(run)
        if error := st.session_state.pop("not_deleted", None):
            show_error(error, "It was not deleted.")
        if services.runs.state(run.manifest) == "running":
            follow_run(services, run_id, shown, time.monotonic())
        show_run(services, run)
    except DashboardError as fault:
        show_error(fault, "This evaluation cannot be shown.")


st.title("Batch evaluation")
run_id = st.query_params.get("run") or st.session_state.get("run_id")
job = services.jobs.get(run_id) if run_id else None
if job and job.found and job.found != run_id:
    run_id, job = job.found, services.jobs.get(job.found)
    if not (job and job.active):
        st.session_state["evaluated_before"] = run_id
if run_id:
    show(run_id)
if job and job.active:
    watch_job(services, job.run_id)
asked = undecided_dataset(services.settings) is not None
another = st.expander("Evaluate another dataset", icon=":material/add:", expanded=asked) if run_id else st.container()
with another:
    choose_dataset()
    earlier_runs()
others = [other for other in services.jobs.active() if other.run_id != run_id]
if others:
    list_jobs(services, but=run_id or "")
if run_id and not (job and job.active):
    show_ended(run_id, job)
