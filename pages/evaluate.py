"""A whole dataset: how good is the model, what does it confuse, and which images are they?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from dashboard.core.dataset_library import library
from dashboard.core.datasets import readable_name
from dashboard.core.errors import DashboardError
from dashboard.core.runs import Run
from dashboard.ui.components import duration, local_time, model_in_use, show_error
from dashboard.ui.dataset_upload import (
    NOT_EVALUATED,
    begin,
    decide_labels,
    forget_undecided,
    undecided_dataset,
    upload_dataset,
)
from dashboard.ui.memory import stored_run
from dashboard.ui.resources import get_download, get_services
from dashboard.ui.run_view import show_run

POLL_S = 0.5

services = get_services()


def start(path: Path, label_map: Mapping[str, str]) -> None:
    """Queues an evaluation and shows it from now on."""
    show(services.jobs.start(path, model_in_use(), label_map).run_id)


def start_or_explain(path: Path, label_map: Mapping[str, str] | None = None) -> None:
    """What a button does: starts, asks what labels mean, or says why that cannot be."""
    try:
        if label_map is None:
            begin(path, model_in_use(), start)
        else:
            start(path, label_map)
    except DashboardError as error:
        show_error(error, NOT_EVALUATED)
    else:
        st.rerun()


def show(run_id: str) -> None:
    """Makes this session, and its address after a reload, be about one run."""
    st.session_state["run_id"] = st.query_params["run"] = run_id


def choose_dataset() -> None:
    """Upload or pick, say what labels mean where that is not clear, then start."""
    if path := undecided_dataset():
        try:
            decide_labels(path, model_in_use(), start_or_explain)
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
    state = get_download().state
    if state.active:
        watch_download()
        return
    if st.button(
        "Get CIFAR-10", key="get-cifar10", icon=":material/download:", help="163 MB from its official address"
    ):
        get_download().start()
        st.rerun()
    if state.error:
        show_error(state.error, "CIFAR-10 is not here yet.")


@st.fragment(run_every=POLL_S)
def watch_download() -> None:
    """Polls the download until it ends."""
    state = get_download().state
    if not state.active:
        st.rerun()
    share = state.done_bytes / state.total_bytes if state.total_bytes else 0.0
    st.progress(share, f"Getting CIFAR-10, {state.done_bytes / 2**20:.0f} MB", width=320)


@st.fragment(run_every=POLL_S)
def watch(run_id: str) -> None:
    """Polls a job until it ends, then shows its result by one full rerun."""
    job = services.jobs.get(run_id)
    if job is None or not job.active:
        st.rerun()
        return
    with st.container(border=True, key="progress"):
        st.text(f"Evaluating {readable_name(job.dataset.name)} with {job.model}")
        if job.progress is None or not job.progress.done:
            ready = any(worker.state in ("idle", "busy") for worker in services.engine.workers())
            waiting = "Waiting for another evaluation ..." if job.state == "waiting" else "Reading the first images ..."
            st.progress(0.0, waiting if ready else "Starting TensorFlow, about 5 seconds ...")
        else:
            p = job.progress
            left = f", about {duration(p.remaining_s)} left" if p.remaining_s is not None else ""
            st.progress(
                p.done / p.total, f"{p.done:,} of {p.total:,} images, {p.images_per_second:,.0f} a second{left}"
            )
        if st.button("Cancel", key="cancel", icon=":material/close:", help="What is done is kept."):
            services.jobs.cancel(run_id)


def earlier_runs() -> None:
    """A way back to what was evaluated before, and to what others evaluate now."""
    for job in services.jobs.active():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{readable_name(job.dataset.name)} with {job.model} is {job.state}.", width="content")
            st.button("Show", key=f"show-{job.run_id}", on_click=show, args=(job.run_id,))
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


def evaluate_again(run: Run) -> None:
    """Offers an unfinished run's dataset once more, where it is still there."""
    dataset = Path(run.manifest.dataset)
    if run.manifest.state == "finished" or not dataset.exists():
        return
    if st.button(
        "Evaluate again", key="again", icon=":material/refresh:", help="From the start, with the model in use."
    ):
        same_classes = model_in_use().class_names == run.manifest.class_names
        start_or_explain(dataset, dict(run.manifest.label_map) if same_classes else None)


st.title("Batch evaluation")
run_id = st.session_state.get("run_id") or st.query_params.get("run")
job = services.jobs.get(run_id) if run_id else None
if run_id:
    show(run_id)
if job and job.active:
    watch(job.run_id)
else:
    with st.expander("Evaluate another dataset", icon=":material/add:") if run_id else st.container():
        choose_dataset()
        earlier_runs()
    if job and job.error:
        show_error(job.error, NOT_EVALUATED)
    nothing_done = job is not None and job.state in ("cancelled", "failed") and job.progress is None
    if run_id and nothing_done and not (job and job.error):
        st.info("Cancelled before the first image.", icon=":material/info:")
    elif run_id and not nothing_done:
        try:
            run = stored_run(services, run_id)
            evaluate_again(run)
            show_run(services, run)
        except DashboardError as error:
            show_error(error, "This evaluation cannot be shown.")
