"""What stands out in an evaluation: one sentence each, with what to do next and a button that shows the images."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.analysis.findings.find import besides, nothing_found
from dashboard.core.analysis.findings.finding import Finding
from dashboard.core.errors import DashboardError
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.button_beside import text_and_button
from dashboard.ui.doubtful_labels import count_doubtful
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.chosen_images import choose_images
from dashboard.ui.evaluation_address import LABELS_VIEW, VIEW
from dashboard.ui.session import is_remembered, remembered, rows_key
from dashboard.ui.words import plain, without_backticks

_SHELF = "findings"
_SKELETON_PX = 116  # as high as one finding with its frame


def place_for_findings(run: Run) -> DeltaGenerator:
    """The place that `show_findings` fills. It is as high as one finding, so that what stands below hardly moves then."""
    place = st.empty()
    if run.manifest.state != "running" and not is_remembered(_SHELF, _key(run)):
        with place.container():
            _show_title(run, 0)
            st.skeleton(_SKELETON_PX)
    return place


def show_findings(services: Services, run: Run, place: DeltaGenerator) -> None:
    """Shows the first finding about these rows, or all of them in the order of `find_in`, and counts doubtful labels."""
    if run.manifest.state == "running":
        return
    try:
        findings = remembered(_SHELF, _key(run), "", lambda: services.analysis.findings(run))
        doubtful = count_doubtful(services, run)
        sentence = besides(findings, run, doubtful) if findings else nothing_found(run, doubtful)
    except DashboardError as error:
        with place.container():
            _show_title(run, 0)
            show_error(error, "The findings could not be computed.")
        return
    with place.container():
        all_shown = _show_title(run, len(findings))
        with st.container(border=True, key="findings"):
            for number, finding in enumerate(findings if all_shown else findings[:1], start=1):
                _show(run, number, finding)
            if sentence:
                _show_labels(sentence, doubtful)


def _key(run: Run) -> Hashable:
    return rows_key(run), run.manifest.state


def _show_title(run: Run, count: int) -> bool:
    """Shows the title, and a switch if there are several findings. Returns whether all of them are to be shown."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(
            "Findings",
            anchor=False,
            help="Patterns that are unlikely to be chance, although many were tested. Labels and classes that are "
            "certainly wrong come first, then what makes the most images wrong, lost or misleading.",
            width="content",
        )
        return count > 1 and st.toggle(
            f"Show all {count}", key=f"all-findings-{run.manifest.run_id}", persist_state="session"
        )


def _show(run: Run, number: int, finding: Finding) -> None:
    text, beside = text_and_button(f"finding-{number}", 4)
    with text.container(gap=None):
        st.markdown(f"{number}\\) {plain(finding.statement)}")
        st.caption(plain(without_backticks(finding.next_step)))
    key = f"show-finding-{number}"
    if finding.id == "unreadable":
        beside.button("Show the files", key=key, width="stretch", on_click=_open, args=("Files",))
    elif finding.id == "label_errors":
        beside.button("Show the labels", key=key, width="stretch", on_click=_open, args=(LABELS_VIEW,))
    elif finding.where and len(finding.rows):
        beside.button(
            f"Show {len(finding.rows):,} images" if len(finding.rows) != 1 else "Show the image",
            key=key,
            width="stretch",
            on_click=_show_images,
            args=(run.manifest.run_id, finding.where),
        )


def _show_labels(sentence: str, doubtful: int | None) -> None:
    """Shows what is said about the labels, with a way to the view of the doubtful ones."""
    if doubtful == 0:
        st.caption(plain(sentence))
        return
    text, beside = text_and_button("doubtful-labels", 4)
    text.markdown(plain(sentence))
    beside.button("Show the labels", key="show-doubtful-labels", width="stretch", on_click=_open, args=(LABELS_VIEW,))


def _open(view: str) -> None:
    """Opens a view that says more than the images of a finding: the files that cannot be seen, or the suggested labels."""
    st.session_state[VIEW] = view


def _show_images(run_id: str, texts: Sequence[str]) -> None:
    """Opens the view of images with these, since the overview would show them far below the findings."""
    choose_images(run_id, texts)
    _open("Images")
