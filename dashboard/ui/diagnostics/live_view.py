"""The whole diagnosis, redrawn every few seconds, so that no part of the page contradicts another."""

from __future__ import annotations

import streamlit as st

from dashboard.core.diagnostics.checks import Report
from dashboard.core.diagnostics.diagnosis import Diagnosis
from dashboard.core.diagnostics.groups import GROUPS
from dashboard.core.engine.contract import WorkerStatus
from dashboard.services import Services
from dashboard.ui.diagnostics.add_model import show_how_to_add
from dashboard.ui.diagnostics.report_view import show_group, show_metrics, show_report_text, show_status_line
from dashboard.ui.diagnostics.workers_view import show_workers
from dashboard.ui.words import ago, local_time

CHECKING_S, WATCHING_S = 0.5, 2.0  # between redrawings
_WHY = "checked-because"  # in the session


def show_diagnosis(services: Services) -> None:
    """Shows the checks as they are made, and keeps them true for as long as the page is open."""
    diagnosis = services.diagnosis
    if diagnosis.report() is None:
        diagnosis.start()
    active = diagnosis.active
    st.fragment(_show_now, run_every=CHECKING_S if active else WATCHING_S)(services, active)


def _show_now(services: Services, was_active: bool) -> None:
    diagnosis = services.diagnosis
    if why := diagnosis.why_again():
        st.session_state[_WHY] = why
        diagnosis.start()
    if diagnosis.active != was_active:
        st.rerun()
    report = diagnosis.report()
    if report:
        show_status_line(report)
    _show_age(diagnosis, report)
    if report is None:
        return
    workers = _workers(services)
    show_metrics(report, workers)
    for group in GROUPS:
        show_group(group.title, report.of(group.id))
        if group.id == "models":
            show_how_to_add()
        if group.id == "workers" and workers:
            show_workers(workers)
    if not diagnosis.active:
        show_report_text(report)


def _show_age(diagnosis: Diagnosis, report: Report | None) -> None:
    """When the checks were made, and the progress of those under way."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Check again", icon=":material/refresh:", disabled=diagnosis.active, key="check-again"):
            st.session_state.pop(_WHY, None)
            diagnosis.start()
            st.rerun()
        times = [check.checked_utc for check in report.checks if check.checked_utc] if report else []
        if times and not diagnosis.active:
            why = st.session_state.get(_WHY)
            st.caption(
                f"Checked {ago(max(times))}{f', because {why}' if why else ''}",
                help=f"{local_time(max(times))}. Checked again after 5 minutes, when a model changes, and when a worker "
                "dies. The state of the workers is always that of this moment.",
            )
    if diagnosis.active:
        done, total = diagnosis.progress
        st.progress(done / total if total else 0.0, "Checking ...")


def _workers(services: Services) -> list[WorkerStatus]:
    try:
        return services.engine.workers()
    except Exception:  # the checks say it
        return []
