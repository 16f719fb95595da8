"""The services that all sessions of this server process share."""

from __future__ import annotations

import streamlit as st

from dashboard.core.settings import get_settings
from dashboard.services import Services, open_services

POLL_S = 0.5  # how often a page checks the progress of background work


@st.cache_resource(show_spinner=False, on_release=lambda services: services.engine.close())
def get_services() -> Services:
    """The services of this server process; the first call starts the workers in the background."""
    services = open_services(get_settings())
    services.start()
    return services
