"""What Streamlit's secrets say about the log-in with OpenID Connect."""

from __future__ import annotations

from pathlib import Path

from streamlit import config
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.runtime.secrets import secrets_singleton

from dashboard.core.access.providers import Provider, providers_in
from dashboard.core.errors import DashboardError


def users_log_in() -> bool:
    """True if Streamlit's secrets have a section [auth], so that every visitor has to log in. Raises as `providers` does."""
    return bool(providers())


def providers() -> list[Provider]:
    """The providers in the section [auth] of Streamlit's secrets; none if there is no such section.

    Raises:
        DashboardError: there are secrets that cannot be read, so nobody knows, or the section lacks a key.
    """
    try:
        files = [path for path in config.get_option("secrets.files") if Path(path).exists()]
        secrets = secrets_singleton._parse() if files else {}
    except (StreamlitSecretNotFoundError, OSError, ValueError) as error:
        raise DashboardError(
            f"The secrets of Streamlit cannot be read: {str(error).rstrip('.')}.",
            "Correct that file, or remove it if no log-in is wanted.",
            "settings",
        ) from error
    return providers_in(secrets["auth"], " or ".join(files)) if "auth" in secrets else []
