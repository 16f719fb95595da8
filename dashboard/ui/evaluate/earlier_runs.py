"""The list of earlier evaluations."""

from __future__ import annotations

import streamlit as st

from dashboard.services import Services
from dashboard.ui.evaluate.shown_run import show
from dashboard.ui.words import local_time, told_apart


def choose_earlier_run(services: Services) -> None:
    """A select box with all runs, except those under way on this server. Shows the chosen run."""
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
            st.session_state["earlier"] = None  # so that the same run can be chosen again

    titles = told_apart(titles)
    if titles:
        st.selectbox(
            "Earlier evaluations",
            list(titles),
            index=None,
            format_func=lambda run_id: titles[run_id],
            key="earlier",
            placeholder="Choose an evaluation to see it again",
            help="Everyone who uses this dashboard sees them.",
            on_change=show_chosen,
            width=520,
        )
