"""The choice of a dataset, by upload or from the server, and the start of its evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard.core.datasets.library import library
from dashboard.core.errors import DashboardError
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.dataset_upload import (
    begin,
    decide_dataset,
    explain,
    forget_undecided,
    offer_waiting_dataset,
    undecided_dataset,
    upload_dataset,
)
from dashboard.ui.evaluate.job_view import POLL_S
from dashboard.ui.evaluate.predictions_import import offer_import, predictions_in_question
from dashboard.ui.evaluate.shown_run import show
from dashboard.ui.sidebar import fault_of_model, model_in_use


def choose_dataset(services: Services) -> None:
    """Offers to upload or choose a dataset, asks what is not certain, then starts the evaluation."""
    start = partial(start_or_explain, services)
    if dropped := predictions_in_question():
        if path := offer_import(services, dropped):
            start(path)
        return
    if path := undecided_dataset(services.settings):
        try:
            decide_dataset(path, model_in_use(), services.settings, start)
        except DashboardError as error:
            forget_undecided()
            explain(path, error)
        return
    offer_waiting_dataset()
    source = st.segmented_control(
        "Dataset from",
        ["Upload", "This server"],
        default="Upload",
        required=True,
        key="dataset-source",
        persist_state="session",
    )
    if source == "Upload":
        if path := upload_dataset(services.settings, model_in_use):
            start(path)
        return
    entries = {entry.title: entry for entry in library(services.settings)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.selectbox("Dataset", list(entries), key="library", width=360)
        if (
            st.button(
                "Evaluate", key="evaluate", type="primary", disabled=title is None or fault_of_model() is not None
            )
            and title
        ):
            start(entries[title].path)
        if "CIFAR-10 test set" not in entries:
            _get_cifar10(services)


def start_or_explain(
    services: Services, path: Path, label_map: Mapping[str, str] | None = None, use_stored: bool = True
) -> None:
    """Starts an evaluation and reruns the page; first asks what is not certain. Shows the error if this fails."""
    start = partial(_start, services, use_stored=use_stored)
    try:
        if label_map is None:
            begin(path, model_in_use(), start)
        else:
            start(path, label_map)
    except DashboardError as error:
        explain(path, error)
    else:
        st.rerun()


def _start(services: Services, path: Path, label_map: Mapping[str, str], use_stored: bool) -> None:
    run_id = services.jobs.start(path, model_in_use(), label_map, use_stored).run_id
    services.history.record_run(run_id, services.visitor.called)
    show(run_id)


def _get_cifar10(services: Services) -> None:
    """Offers the download, or shows its progress."""
    state = services.cifar10.state
    if state.active:
        _watch_download(services)
        return
    if st.button(
        "Get CIFAR-10", key="get-cifar10", icon=":material/download:", help="Downloads 163 MB from the official address"
    ):
        services.cifar10.start()
        st.rerun()
    if state.error:
        show_error(state.error, "CIFAR-10 was not downloaded.")


@st.fragment(run_every=POLL_S)
def _watch_download(services: Services) -> None:
    """Shows the progress of the download until it ends."""
    state = services.cifar10.state
    if not state.active:
        st.rerun()
    st.progress(state.share, f"Downloading CIFAR-10, {state.done / 2**20:.0f} MB", width=320)
