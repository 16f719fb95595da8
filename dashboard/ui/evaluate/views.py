"""The table of the views of a run. For a new view, write a file with a function that draws it and add a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard.core.runs.left_out import left_out_by_choice
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.evaluate.classes_view import show_classes
from dashboard.ui.evaluate.confidence_view import show_confidence
from dashboard.ui.evaluate.failures_tab import show_failures
from dashboard.ui.evaluate.images_view import show_images
from dashboard.ui.evaluate.labels_view import show_labels
from dashboard.ui.evaluate.overview import show_overview
from dashboard.ui.evaluate.report_view import show_report
from dashboard.ui.evaluation_address import LABELS_VIEW, VIEW
from dashboard.ui.one_at_a_time import choose_one


@dataclass(frozen=True)
class View:
    """A view of a run. One is shown at a time."""

    name: str  # in the address and on the page
    is_shown: Callable[[Run], bool]
    draw: Callable[[Services, Run], None]


def _always(run: Run) -> bool:
    return True


def _with_labels(run: Run) -> bool:
    return len(run.labelled) > 0


def _evaluated(run: Run) -> bool:
    return len(run.evaluated) > 0


def _show_files(services: Services, run: Run) -> None:
    chosen = int(left_out_by_choice(run).sum())
    by_choice = f", {chosen:,} of them left out by choice" if chosen else ""
    st.header(f"Not evaluated ({len(run.failed):,}{by_choice})", anchor=False)
    show_failures(services, run)


VIEWS = (
    View("Overview", _always, show_overview),
    View("Classes", _with_labels, show_classes),
    View("Confidence", _with_labels, show_confidence),
    View("Images", _evaluated, show_images),
    View(LABELS_VIEW, _with_labels, show_labels),
    View("Files", _always, _show_files),
    View("Report", _always, show_report),
)


def show_view(services: Services, run: Run) -> None:
    """Shows the view that the reader chose, and a control to choose another."""
    shown = {view.name: view for view in VIEWS if view.is_shown(run)}
    shown[choose_one("View", shown, key=VIEW)].draw(services, run)
