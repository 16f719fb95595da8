"""The diagnosis that all sessions share. Made once a server process."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.core.checks import Report
from dashboard.core.checkup import Checkup
from dashboard.core.diagnostics import run_checks
from dashboard.ui import resources


@st.cache_resource(show_spinner=False)
def get_checkup() -> Checkup:
    """The checks of this server process, not started yet."""

    def run(on_progress: Callable[[str], None]) -> Report:
        services = resources.get_services()
        return run_checks(services.settings, services.inference, services.registry, services.engine, on_progress)

    return Checkup(run)
