"""A run without an active job on this server: why its job stopped, and the stored run."""

from __future__ import annotations

import contextlib
import time

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.job import Job
from dashboard.core.runs.manifest import RunManifest
from dashboard.services import Services
from dashboard.ui.button_beside import text_and_button
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.dataset_upload import NOT_EVALUATED
from dashboard.ui.evaluate.job_view import follow_run, forget_cancelled
from dashboard.ui.evaluate.run_actions import offer_actions
from dashboard.ui.evaluate.run_view import say_what_it_is, show_run
from dashboard.ui.evaluate.shown_run import forget_unknown, was_evaluated_before
from dashboard.ui.session import state_of_run, stored_run
from dashboard.ui.words import local_time


def show_ended(services: Services, run_id: str, job: Job | None) -> None:
    """Shows the outcome of this server's job, if it had one, and the stored run."""
    forget_cancelled()
    stored: RunManifest | None = None
    with contextlib.suppress(DashboardError):
        stored = services.runs.folder(run_id).manifest()
    if job and job.error:
        has_rows = stored and services.runs.folder(run_id).rows.exist()
        show_error(job.error, "The evaluation stopped." if has_rows else NOT_EVALUATED)
    elif job and job.state == "cancelled" and not stored:
        st.info("Cancelled before the first image.", icon=":material/info:")
    if stored or not job or job.state == "finished":  # it may have been deleted since
        _show_stored(services, run_id)


def _show_stored(services: Services, run_id: str) -> None:
    """Shows the stored rows of a run, and follows the run if another process works on it."""
    try:
        shown = state_of_run(services, run_id)
        run = stored_run(services, run_id)
        if was_evaluated_before(run_id) and run.manifest.state == "finished":
            st.info(f"Evaluated before, on {local_time(run.manifest.created_utc)}.", icon=":material/history:")
        head, actions = text_and_button("run-head", 5)
        with head:
            say_what_it_is(services, run)
        with actions:
            offer_actions(services, run)
        if services.runs.folder(run_id).is_under_way(run.manifest):
            follow_run(services, run, shown, time.monotonic())
        show_run(services, run)
    except DashboardError as fault:
        if fault.code == "run_unknown":
            forget_unknown()
        show_error(fault, "This evaluation cannot be shown.")
