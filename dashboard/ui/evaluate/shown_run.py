"""The run that the page shows. It is kept in the session, and in the address so that a reload shows it again."""

from __future__ import annotations

import streamlit as st

from dashboard.core.evaluation.job import Job
from dashboard.services import Services
from dashboard.ui.address import went_in_history
from dashboard.ui.evaluation_address import SHOW, TICKED, UPLOAD, WHERE
from dashboard.ui.turned_pages import PAGE

_RUN = "run"  # in the address
_RUN_ID, _EVALUATED_BEFORE = "run_id", "evaluated_before"  # in the session


def show(run_id: str) -> None:
    """Makes the page show this run from now on."""
    if st.query_params.get(_RUN, run_id) != run_id:
        _forget_images()
    st.session_state[_RUN_ID] = st.query_params[_RUN] = run_id


def forget_unknown() -> None:
    """Forgets a run that does not exist. The address still names it, until the reader goes on."""
    st.session_state.pop(_RUN_ID, None)


def show_none() -> None:
    """Makes the page show no run."""
    st.session_state.pop(_RUN_ID, None)
    st.query_params.pop(_RUN, None)
    _forget_images()


def _forget_images() -> None:
    """Removes from the address which images are shown. The view stays, since its widgets own it there."""
    for parameter in (WHERE, SHOW, PAGE, TICKED):
        st.query_params.pop(parameter, None)


def shown_run(services: Services) -> tuple[str, Job | None]:
    """The id of the run that the page shows, "" for none, and the job of that run if this server has one.

    If the result of the job is another run, the page shows that run from now on.
    """
    if went_in_history() and UPLOAD in st.query_params and _RUN not in st.query_params:
        st.session_state.pop(_RUN_ID, None)  # back to the questions before the run
    run_id = st.query_params.get(_RUN) or st.session_state.get(_RUN_ID) or ""
    job = services.jobs.get(run_id) if run_id else None
    if job and job.found and job.found != run_id:
        if job.finished_before:
            st.session_state[_EVALUATED_BEFORE] = job.found
        run_id, job = job.found, services.jobs.get(job.found)
    if run_id:
        show(run_id)
    return run_id, job


def was_evaluated_before(run_id: str) -> bool:
    """True if this session asked for an evaluation and got this run, which was already finished."""
    return bool(st.session_state.get(_EVALUATED_BEFORE) == run_id)
