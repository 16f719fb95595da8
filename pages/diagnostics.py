"""Diagnostics: one status line, then what fails with its fix, then what passes, folded."""

from __future__ import annotations

import streamlit as st

from dashboard.core.diagnostics.groups import GROUPS
from dashboard.ui.diagnostics.add_model import show_how_to_add
from dashboard.ui.diagnostics.report_view import (
    show_group,
    show_metrics,
    show_progress,
    show_report_text,
    show_status_line,
)
from dashboard.ui.diagnostics.workers_view import show_workers
from dashboard.ui.resources import get_services
from dashboard.ui.words import local_time

services = get_services()
diagnosis = services.diagnosis
st.title("Diagnostics", anchor=False)
if diagnosis.state.result is None:
    diagnosis.start()
running = diagnosis.state.active
report = diagnosis.state.result

if report:
    show_status_line(report)
with st.container(horizontal=True, vertical_alignment="center"):
    if st.button("Check again", icon=":material/refresh:", disabled=running, key="check-again"):
        diagnosis.start()
        st.rerun()
    if report:
        st.caption(f"Checked {local_time(report.created_utc)}", help=f"{report.created_utc} (UTC)")
if running:
    show_progress(diagnosis)
if report:
    show_metrics(report, services.engine.workers())
    for group in GROUPS:
        show_group(group.title, report.of(group.id))
        if group.id == "models":
            show_how_to_add()
        if group.id == "workers":
            show_workers(services.engine)
    show_report_text(report)
