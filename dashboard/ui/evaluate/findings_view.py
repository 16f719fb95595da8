"""What stands out in an evaluation: one sentence each, with what to do next and a button that shows the images."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.core.analysis.findings.find import nothing_found
from dashboard.core.analysis.findings.finding import Finding
from dashboard.core.errors import DashboardError
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.chosen_images import choose_images
from dashboard.ui.evaluation_address import VIEW
from dashboard.ui.session import remembered, rows_key
from dashboard.ui.words import plain


def show_findings(services: Services, run: Run) -> None:
    """Shows the findings about these rows, in the order of `find_in`."""
    if run.manifest.state == "running":
        return
    st.header(
        "Findings",
        anchor=False,
        help="Patterns that are unlikely to be chance, although many were tested. Labels and classes that are "
        "certainly wrong come first, then what makes the most images wrong, lost or misleading.",
    )
    key = (rows_key(run), run.manifest.state)
    try:
        findings = remembered(
            "findings", key, "Looking for what stands out ...", lambda: services.analysis.findings(run)
        )
    except DashboardError as error:
        show_error(error, "The findings could not be computed.")
        return
    if not findings:
        st.caption(nothing_found(run))
        return
    with st.container(border=True, key="findings"):
        for number, finding in enumerate(findings, start=1):
            _show(run, number, finding)


def _show(run: Run, number: int, finding: Finding) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"finding-{number}"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"{number}\\) {plain(finding.statement)}")
            st.caption(plain(finding.next_step.replace("`", "")))
        if finding.id == "unreadable":
            st.button("Show the files", key=f"show-finding-{number}", on_click=_show_files)
        elif finding.where and len(finding.rows):
            st.button(
                f"Show {len(finding.rows):,} images" if len(finding.rows) != 1 else "Show the image",
                key=f"show-finding-{number}",
                on_click=_show_images,
                args=(run.manifest.run_id, finding.where),
            )


def _show_files() -> None:
    """Opens the view of files without a prediction, since there is nothing to see of them."""
    st.session_state[VIEW] = "Files"


def _show_images(run_id: str, texts: Sequence[str]) -> None:
    """Opens the view of images with these, since the overview would show them far below the findings."""
    choose_images(run_id, texts)
    st.session_state[VIEW] = "Images"
