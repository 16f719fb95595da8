"""The services that all sessions of this server process share."""

from __future__ import annotations

import threading
from dataclasses import replace

import streamlit as st
from streamlit import config

from dashboard.core.settings import get_settings
from dashboard.services import Services, open_services

POLL_S = 0.5  # how often a page checks the progress of background work
page_served = threading.Event()  # a session has got its first page from this server process


@st.cache_resource(show_spinner=False, on_release=lambda services: services.close())
def get_services() -> Services:
    """The services of this server process. The workers start with the first task, or with `Services.start`."""
    # options of `streamlit run` name other files of secrets, too, which the checks of the log-in cannot know
    return replace(open_services(get_settings()), secrets_files=tuple(config.get_option("secrets.files")))
