"""The tab to download a run."""

from __future__ import annotations

import io

import streamlit as st

from dashboard.core.runs.export import write_csv
from dashboard.core.runs.run import Run
from dashboard.schemas.runs import RunRecord
from dashboard.services import Services


def show_downloads(services: Services, run: Run) -> None:
    """Offers the run as CSV and JSON files."""
    run_id = run.manifest.run_id
    with st.container(horizontal=True):
        st.download_button(
            "Predictions (CSV)",
            lambda: predictions_csv(run),
            f"{run_id}.csv",
            "text/csv",
            key="download-csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Result (JSON)",
            lambda: RunRecord.of(run).to_text(),
            f"{run_id}.json",
            "application/json",
            key="download-json",
            icon=":material/download:",
            on_click="ignore",
        )
    st.caption(
        "CSV: one row per image with label, prediction, confidence, all probabilities and, if it failed, the reason."
    )


def predictions_csv(run: Run) -> bytes:
    """The bytes of a CSV file with one row per image, see `write_csv`."""
    out = io.BytesIO()
    write_csv(run, out)
    return out.getvalue()
