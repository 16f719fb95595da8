"""The tab with the images that were not evaluated."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import counted
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.words import plain

FAILURES_SHOWN = 1000
_REASONS_SHOWN = 10


def show_failures(services: Services, run: Run) -> None:
    """Shows the images without a prediction, with the reasons."""
    if run.failed.empty:
        st.caption("Every image was evaluated.")
    else:
        text = st.column_config.TextColumn
        columns = {"file": text("File"), "reason": text("Reason", width=740)}  # most reasons fit
        table = safe_for_spreadsheets(run.detail(run.failed.head(FAILURES_SHOWN), list(columns)))
        st.dataframe(
            table, hide_index=True, column_config=columns, key="failed", alt="Files without a prediction, with reasons"
        )
        _say_reasons(run)
        if len(run.failed) > len(table):
            st.caption(
                f"The first {len(table):,} of {len(run.failed):,}. The files of the view Report contain all of them."
            )


def _say_reasons(run: Run) -> None:
    """Says each reason in full, with what to do: on a phone, the table cuts it."""
    counts = run.detail(run.failed, ["reason"])["reason"].value_counts()
    for reason, count in counts.head(_REASONS_SHOWN).items():
        st.caption(f"{counted(int(count), 'image')}: {plain(str(reason))}")
    if len(counts) > _REASONS_SHOWN:
        st.caption(f"These are the {_REASONS_SHOWN} most frequent of {len(counts):,} reasons.")
