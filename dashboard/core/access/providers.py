"""The OpenID Connect providers in the section [auth] of Streamlit's secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.errors import DashboardError

_OF_ALL = ("redirect_uri", "cookie_secret")
_OF_EACH = ("client_id", "client_secret", "server_metadata_url")
_NO_PROVIDER = "client_kwargs"  # a table in [auth] that is none
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
        DashboardError: a key that Streamlit needs is missing or empty.
    """
    auth = section if isinstance(section, Mapping) else {}
    named = {str(key): value for key, value in auth.items() if isinstance(value, Mapping) and key != _NO_PROVIDER}
    _refuse_without("auth", auth, _OF_ALL, file)
    found = []
    if not named or any(key in auth for key in _OF_EACH):
        _refuse_without("auth", auth, _OF_EACH, file)
        found.append(Provider("", str(auth["server_metadata_url"])))
    for name, table in named.items():
        if "_" in name:  # Streamlit refuses it
            raise DashboardError(
                f"The name of the section [auth.{name}] in {file} has an underscore, so nobody could log in.",
                f"Rename it, for example to [auth.{name.replace('_', '-')}].",
                "settings",
            )
        _refuse_without(f"auth.{name}", table, _OF_EACH, file)
        found.append(Provider(name, str(table["server_metadata_url"])))
    return found


def _refuse_without(section: str, table: Mapping[str, object], keys: Sequence[str], file: str) -> None:
    if missing := [key for key in keys if not table.get(key)]:
        meant = ", ".join(f"{key} ({_MEANING[key]})" for key in missing)
        raise DashboardError(
            f"The section [{section}] in {file} lacks {' and '.join(missing)}, so nobody could log in.",
            f"Add {meant}. If no log-in is wanted, remove the section [auth].",
            "settings",
        )
