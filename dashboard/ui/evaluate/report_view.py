"""The view that hands a run on: as a report, and as files for other programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.errors import WorkerError
from dashboard.core.runs.export import csv_bytes, parquet_bytes
from dashboard.core.runs.run import Run
from dashboard.reports.build import report_of
from dashboard.reports.document import Document
from dashboard.reports.html_file import to_html
from dashboard.reports.markdown_file import to_markdown
from dashboard.reports.provenance import file_stem
from dashboard.schemas.runs import ScoredRunRecord
from dashboard.services import Services
from dashboard.ui.changing_titles import remember_titles, replace_titles
from dashboard.ui.download import offer_file
from dashboard.ui.words import local_time, told_apart

T = TypeVar("T")


def show_report(services: Services, run: Run) -> None:
    """Offers a report as HTML and Markdown, the figures as JSON, and the rows as CSV and Parquet."""
    about = "the images that pass the filter" if run.conditions else "all images"
    st.header("Report", anchor=False)
    st.caption(
        "One file to share: findings, metrics with intervals, confusion, calibration, the most "
        f"confident mistakes, doubtful labels, and where the figures come from. It is about {about}. HTML opens in any browser, also "
        "without a network, and prints well. Markdown begins with the metadata of a Hugging Face model card."
    )
    other = _choose_other(services, run)

    def written(write: Callable[[Document], str]) -> Callable[[], str]:
        def make() -> str:  # runs when the button is clicked, outside of the script
            return write(
                report_of(
                    run,
                    services.runs,
                    _found(services.analysis.findings, run),
                    other,
                    doubtful=_found(services.analysis.label_issues, run),
                )
            )

        return make

    row, reasons = st.container(horizontal=True), st.container()
    with row:
        _offer(run, "Report (HTML)", "html", "text/html", written(to_html), reasons)
        _offer(run, "Report (Markdown)", "md", "text/markdown", written(to_markdown), reasons)
    st.header("Files for other programs", anchor=False)
    row, reasons = st.container(horizontal=True), st.container()
    with row:
        _offer(run, "Predictions (CSV)", "csv", "text/csv", lambda: csv_bytes(run), reasons)
        parquet = "application/vnd.apache.parquet"
        _offer(run, "Predictions (Parquet)", "parquet", parquet, lambda: parquet_bytes(run), reasons)
        _offer(run, "Result (JSON)", "json", "application/json", lambda: ScoredRunRecord.of(run).to_text(), reasons)
    st.caption(
        "CSV and Parquet: one row per image with label, prediction, confidence, all probabilities and, if it failed, the "
        "reason. JSON: all metrics, the confusion matrix and the failed files."
    )


def _offer(
    run: Run, title: str, suffix: str, mime: str, make: Callable[[], bytes | str], reasons: DeltaGenerator
) -> None:
    name = f"{file_stem(run.manifest)}.{suffix}"
    offer_file(
        title, make, name, mime, f"download-{suffix}", reasons, type="primary" if suffix == "html" else "secondary"
    )


def _found(search: Callable[[Run], T], run: Run) -> T | None:
    """What a search finds; None if no worker can do it."""
    try:
        return search(run)
    except WorkerError:
        return None


def _choose_other(services: Services, run: Run) -> str:
    """Offers to compare with another evaluation of the same dataset. Returns its id or ""."""
    m = run.manifest
    titles = told_apart(
        {
            other.run_id: f"{other.model}, {local_time(other.created_utc)}"
            for other in services.runs.list()
            if other.run_id != m.run_id and other.state == "finished" and other.dataset_sha256 == m.dataset_sha256
        }
    )
    if not titles or run.labelled.empty:
        return ""
    key = f"report-other-{m.run_id}"
    replace_titles(key)
    if st.session_state.get(key) not in titles:  # it was deleted
        st.session_state[key] = None
    remember_titles(key, titles)
    chosen = st.selectbox(
        "Compare with", list(titles), index=None, format_func=titles.__getitem__, key=key,
        placeholder="Another evaluation of this dataset", help="Adds the differences of all metrics to the report: the other evaluation, B, minus this one, A.",
        width=420,
    )  # fmt: skip
    return chosen or ""
