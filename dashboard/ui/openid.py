"""What Streamlit's secrets say about the log-in with OpenID Connect.

As a program, which the diagnostics start, it asks each provider for its metadata. Its arguments are files of secrets in
place of those of Streamlit's settings.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from streamlit import config
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.runtime.secrets import secrets_singleton

from dashboard.core.access.providers import Provider, providers_in, why_unusable
from dashboard.core.errors import DashboardError

_ANSWER_WITHIN_S = 5.0


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


def fault_of(provider: Provider) -> str:
    """Why nobody can log in with this provider now, a sentence without its full stop; "" if its metadata can be fetched."""
    from authlib.integrations.httpx_client import OAuth2Client  # as Streamlit does it, with the same certificates

    try:
        with OAuth2Client(timeout=_ANSWER_WITHIN_S) as client:
            answer = client.request("GET", provider.metadata_url, withhold_token=True)
            answer.raise_for_status()
            has_endpoint = "authorization_endpoint" in answer.json()
    except Exception as error:
        return why_unusable(error, provider.metadata_url) or f"{provider.metadata_url} cannot be used: {error}"
    return "" if has_endpoint else why_unusable(ValueError(), provider.metadata_url)


def main() -> None:
    """Prints a JSON array [name, address of the metadata, fault] for each provider, or an object with what is wrong."""
    # the last is how `streamlit run` reads it, but not its settings
    if files := sys.argv[1:] or os.environ.get("STREAMLIT_SECRETS_FILES", "").split():
        config.set_option("secrets.files", files)
    try:
        print(json.dumps([[each.name, each.metadata_url, fault_of(each)] for each in providers()]))
    except DashboardError as error:
        print(json.dumps({"message": error.message, "fix": error.fix}))


if __name__ == "__main__":
    main()
