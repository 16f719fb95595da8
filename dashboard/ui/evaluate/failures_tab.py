"""The tab with the images that were not evaluated."""

from __future__ import annotations

import streamlit as st

from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.run import Run
from dashboard.services import Services

FAILURES_SHOWN = 1000


def show_failures(services: Services, run: Run) -> None:
    """Shows the images without a prediction, with the reasons."""
    if run.failed.empty:
        st.caption("Every image was evaluated.")
    else:
        text = st.column_config.TextColumn
        columns = {"file": text("File", width=200), "reason": text("Reason", width=740)}  # most reasons fit
        table = safe_for_spreadsheets(run.detail(run.failed.head(FAILURES_SHOWN), list(columns)))
        st.dataframe(
            table, hide_index=True, column_config=columns, key="failed", alt="Files without a prediction, with reasons"
        )
        if len(run.failed) > len(table):
            st.caption(
                f"The first {len(table):,} of {len(run.failed):,}. The files of the view Report contain all of them."
            )
