"""Jobs on the page: their progress, and buttons to cancel, retry or show them."""

from __future__ import annotations

import time
from collections.abc import Hashable

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.job import Job
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.errors import as_text
from dashboard.ui.evaluate.shown_run import show
from dashboard.ui.session import state_of_run
from dashboard.ui.tab_title import name_tab
from dashboard.ui.words import duration, without_backticks

POLL_S = 0.5
OTHERS_POLL_S = 2.0
FOLLOW_S = 5.0
_CANCELLED = "cancelled-job"  # in the session: the run whose job the user has cancelled


def show_job(services: Services, job: Job) -> None:
    """Shows an active job until it ends, and names the browser tab after it."""
    name_tab(job.dataset_name, "evaluating")
    watch_job(services, job.run_id)


@st.fragment(run_every=POLL_S)
def watch_job(services: Services, run_id: str) -> None:
    """Shows the progress of a job until it ends; then a full rerun shows the result."""
    job = services.jobs.get(run_id)
    if job is None or not job.active:
        st.rerun()
        return
    with st.container(border=True, key="progress"):
        st.text(f"Evaluating {_what(services, job)}")
        cancelling = st.session_state.get(_CANCELLED) == run_id
        st.progress(
            _share(job),
            "Cancelling, when the images under way are done ..." if cancelling else _in_words(services, job),
        )
        if job.state == "paused" and job.error:
            st.warning("Paused. The finished images are stored.", icon=":material/pause_circle:")
            st.text(without_backticks(as_text(job.error)))
        with st.container(horizontal=True):
            if services.jobs.may_change(job):
                st.button(
                    "Cancel", key="cancel", icon=":material/close:", help="The finished images are kept.",
                    disabled=cancelling, on_click=_cancel, args=(services, run_id),
                )  # fmt: skip
            if job.state == "paused" and st.button("Try now", key="retry", icon=":material/play_arrow:"):
                services.jobs.retry()


def _cancel(services: Services, run_id: str) -> None:
    st.session_state[_CANCELLED] = run_id
    services.jobs.cancel(run_id)


def forget_cancelled() -> None:
    """Call it when a job has ended, since its run can be taken up again."""
    st.session_state.pop(_CANCELLED, None)


@st.fragment(run_every=FOLLOW_S)
def follow_run(services: Services, run: Run, shown: Hashable, since: float) -> None:
    """Polls a run that another process works on. A full rerun shows new rows, a pause or the end of the run.

    Args:
        shown: the `state_of_run` that was shown last.
        since: when it was shown, by `time.monotonic`.
    """
    just_shown = time.monotonic() - since < FOLLOW_S / 2  # else a fast writer would cause constant reruns
    if not just_shown and _is_another(services, run.manifest.run_id, shown):
        st.rerun()
    does = "has paused this evaluation" if run.state == "paused" else "is evaluating it"
    st.info(f"Another process {does}. The finished images are shown.", icon=":material/hourglass_top:")


def _is_another(services: Services, run_id: str, shown: Hashable) -> bool:
    try:
        return not services.runs.folder(run_id).is_owned() or state_of_run(services, run_id) != shown
    except DashboardError:  # the run was deleted
        return True


def _what(services: Services, job: Job) -> str:
    """The dataset and the model of a job, for admins also the user."""
    user = services.visitor.told_of(job.user)
    return f"{job.dataset_name} with {job.model}{user and f', {user}'}"


def _share(job: Job) -> float:
    return job.progress.done / job.progress.total if job.progress else 0.0


def _in_words(services: Services, job: Job) -> str:
    p = job.progress
    if p is None or not p.done:
        ready = any(worker.state in ("idle", "busy") for worker in services.engine.workers())
        reading = "Reading the dataset ..." if job.state == "waiting" else "Evaluating the first images ..."
        return reading if ready else "Starting TensorFlow, about 5 seconds ..."
    left = f", about {duration(job.remaining_s)} left" if job.remaining_s is not None else ""
    rate = f", {p.images_per_second:,.0f} per second" if p.done > p.before and job.state != "paused" else ""
    done, total = p.images
    return f"{done:,} of {total:,} images{rate}{left}"


@st.fragment(run_every=OTHERS_POLL_S)
def list_jobs(services: Services, but: str = "") -> None:
    """Lists the active jobs of all users of this server, except the job `but`. A full rerun ends the polling."""
    jobs = [job for job in services.jobs.active() if job.run_id != but]
    for job in jobs:
        with st.container(horizontal=True, vertical_alignment="center", key=f"job-{job.run_id}"):
            st.progress(_share(job), f"{job.state.capitalize()}: {_in_words(services, job)}", width=320)
            st.text(_what(services, job), width="content")
            if st.button("Show", key=f"show-{job.run_id}"):
                show(job.run_id)
                st.rerun()
    if not jobs:
        st.rerun()
