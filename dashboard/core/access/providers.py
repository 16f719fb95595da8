"""The OpenID Connect providers in the section [auth] of Streamlit's secrets, and why one of them cannot be used."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.errors import DashboardError

_OF_ALL = ("redirect_uri", "cookie_secret")
_OF_EACH = ("client_id", "client_secret", "server_metadata_url")
_NO_PROVIDER = "client_kwargs"  # a table in [auth] that is none
_FORM = {"redirect_uri": re.compile("https?://.+/oauth2callback"), "server_metadata_url": re.compile("https?://.+")}
_REFUSALS = {  # by the codes of OAuth 2.0 (RFC 6749, sections 4.1.2.1 and 5.2)
    "access_denied": "The service that logs users in did not let you in, or you stopped there",
    "server_error": "The service that logs users in has a fault",
    "temporarily_unavailable": "The service that logs users in is overloaded or under maintenance",
    "invalid_grant": "The service that logs users in does not know this log-in any more",
    **dict.fromkeys(
        ("invalid_request", "invalid_client", "unauthorized_client", "unsupported_response_type", "invalid_scope", "unsupported_grant_type"),
        "The service that logs users in does not accept this dashboard: their settings do not fit together",
    ),
}  # fmt: skip
_MEANING = {
    "redirect_uri": "the address of the dashboard with /oauth2callback, such as https://dashboard.example.com/oauth2callback",
    "cookie_secret": "a long random text",
    "client_id": "the provider gives it",
    "client_secret": "the provider gives it",
    "server_metadata_url": "the provider's address that ends in /.well-known/openid-configuration",
}


@dataclass(frozen=True)
class Provider:
    """One provider that users can choose."""

    name: str  # "" for the one that is configured in [auth] itself
    metadata_url: str


def providers_in(section: object, file: str) -> list[Provider]:
    """The providers in a section [auth], at least one.

    Args:
        section: what `auth` is in the secrets.
        file: path of the secrets, for errors.

    Raises:
        DashboardError: a key that Streamlit needs is missing or empty, or is no address where it has to be one.
    """
    auth = section if isinstance(section, Mapping) else {}
    named = {str(key): value for key, value in auth.items() if isinstance(value, Mapping) and key != _NO_PROVIDER}
    _check_keys("auth", auth, _OF_ALL, file)
    found = []
    if not named or any(key in auth for key in _OF_EACH):
        _check_keys("auth", auth, _OF_EACH, file)
        found.append(Provider("", str(auth["server_metadata_url"])))
    for name, table in named.items():
        if "_" in name:  # Streamlit refuses it
            raise DashboardError(
                f"The name of the section [auth.{name}] in {file} has an underscore, so nobody could log in.",
                f"Rename it, for example to [auth.{name.replace('_', '-')}].",
                "settings",
            )
        _check_keys(f"auth.{name}", table, _OF_EACH, file)
        found.append(Provider(name, str(table["server_metadata_url"])))
    return found


def _check_keys(section: str, table: Mapping[str, object], keys: Sequence[str], file: str) -> None:
    if missing := [key for key in keys if not table.get(key)]:
        meant = ", ".join(f"{key} ({_MEANING[key]})" for key in missing)
        raise DashboardError(
            f"The section [{section}] in {file} lacks {' and '.join(missing)}, so nobody could log in.",
            f"Add {meant}. If no log-in is wanted, remove the section [auth].",
            "settings",
        )
    for key in keys:
        if key in _FORM and not _FORM[key].fullmatch(str(table[key])):
            raise DashboardError(
                f"In the section [{section}] in {file}, {key} is {str(table[key])!r}, so nobody could log in.",
                f"Write {_MEANING[key]}.",
                "settings",
            )


def why_refused(code: str) -> str:
    """What a provider means by this code of an error: a sentence without its full stop; "" for an unknown code."""
    return f"{_REFUSALS[code]} ({code})" if code in _REFUSALS else ""


def why_failed(error: BaseException) -> str:
    """Why a log-in that the provider had let through failed with this error, as `why_unusable` gives it."""
    if refused := why_refused(str(getattr(error, "error", ""))):
        return refused
    # such an error is of the answer with the tokens, and not of the metadata
    return "" if isinstance(error, ValueError | TypeError) else why_unusable(error)


def why_unusable(error: BaseException, url: str = "The address in server_metadata_url") -> str:
    """What is wrong with the provider if asking it raised this error: a sentence without its full stop.

    Args:
        error: from Authlib, or from the HTTP client that it uses.
        url: what was asked, if the error does not say it.

    Returns:
        "" if the error has another reason.
    """
    try:
        url = str(error.request.url)  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):
        if isinstance(error, ValueError | TypeError) or "authorize_url" in str(error):
            return f"{url} does not answer with the metadata of an OpenID provider"
        return ""
    if response := getattr(error, "response", None):
        return f"{url} answers with status {response.status_code}"
    if "Timeout" in type(error).__name__:
        return f"{url} cannot be reached: it does not answer in time"
    reasons = [_reason(each) for each in _chain(error) if isinstance(each, OSError) and each.errno]
    return f"{url} cannot be reached: {(reasons or [str(error)])[-1].rstrip('.')}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes; of several that are told together, the first."""
    while error is not None:
        yield error
        together = getattr(error, "exceptions", ())
        error = together[0] if together else error.__cause__ or error.__context__


def _reason(error: OSError) -> str:
    # the event loop replaces the text of the system
    told = "" if isinstance(error, socket.gaierror | ssl.SSLError) else os.strerror(error.errno or 0)
    return str(error.strerror or error) if not told or told.startswith("Unknown error") else told
