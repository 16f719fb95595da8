"""The table of the tabs below a run. For a new tab, write a file with a function that draws it and add a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.evaluate.calibration_tab import show_calibration
from dashboard.ui.evaluate.downloads_tab import show_downloads
from dashboard.ui.evaluate.failures_tab import show_failures
from dashboard.ui.evaluate.per_class_tab import show_per_class


@dataclass(frozen=True)
class Tab:
    """A tab below a run."""

    title: Callable[[Run], str]
    is_shown: Callable[[Run], bool]
    draw: Callable[[Services, Run], None]


def _always(run: Run) -> bool:
    return True


def _with_labels(run: Run) -> bool:
    return run.evaluation() is not None


TABS = (
    Tab(lambda run: "Per class", _with_labels, show_per_class),
    Tab(lambda run: "Calibration", _with_labels, show_calibration),
    Tab(lambda run: f"Not evaluated ({len(run.failed):,})", _always, show_failures),
    Tab(lambda run: "Downloads", _always, show_downloads),
)


def show_tabs(services: Services, run: Run) -> None:
    """Shows the tabs that apply to this run."""
    shown = [tab for tab in TABS if tab.is_shown(run)]
    for place, tab in zip(st.tabs([tab.title(run) for tab in shown], key="details"), shown, strict=True):
        with place:
            tab.draw(services, run)
