"""Which OpenID Connect providers a section [auth] configures, and what is said about one that lacks a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.core.access.providers import Provider, providers_in, why_unusable
from dashboard.core.errors import DashboardError

FILE = "/home/me/.streamlit/secrets.toml"
ALL = {"redirect_uri": "https://d.example/oauth2callback", "cookie_secret": "x" * 32}
ONE = {
    "client_id": "me",
    "client_secret": "s",
    "server_metadata_url": "https://p.example/.well-known/openid-configuration",
}


def refusal(section: object) -> DashboardError:
    with pytest.raises(DashboardError) as caught:
        providers_in(section, FILE)
    assert caught.value.code == "settings" and FILE in caught.value.message
    return caught.value


def test_providers_with_and_without_a_name() -> None:
    url = ONE["server_metadata_url"]
    assert providers_in({**ALL, **ONE, "client_kwargs": {"scope": "openid"}}, FILE) == [Provider("", url)]
    assert providers_in({**ALL, "google": ONE}, FILE) == [Provider("google", url)]
    named = providers_in({**ALL, **ONE, "google": ONE, "my-own": ONE}, FILE)
    assert [provider.name for provider in named] == ["", "google", "my-own"]


@pytest.mark.parametrize("key", [*ALL, *ONE])
@pytest.mark.parametrize("empty", [False, True])
def test_each_missing_key_is_named_with_what_belongs_there(key: str, empty: bool) -> None:
    section: dict[str, Any] = {**ALL, **ONE, key: ""}
    if not empty:
        del section[key]
    error = refusal(section)
    assert error.message == f"The section [auth] in {FILE} lacks {key}, so nobody could log in."
    assert error.fix.startswith(f"Add {key} (") and "remove the section [auth]" in error.fix


@pytest.mark.parametrize("key", ONE)
def test_a_missing_key_of_a_named_provider_is_named_with_its_section(key: str) -> None:
    broken = {name: value for name, value in ONE.items() if name != key}
    error = refusal({**ALL, **ONE, "google": ONE, "other": broken})  # a key in [auth] does not stand for it
    assert error.message.startswith(f"The section [auth.other] in {FILE} lacks {key},")


def test_other_sections_with_which_nobody_could_log_in() -> None:
    assert "lacks redirect_uri and cookie_secret," in refusal({}).message
    assert "lacks redirect_uri and cookie_secret," in refusal("yes").message
    assert "lacks client_id and client_secret and server_metadata_url," in refusal(ALL).message
    assert (
        "lacks client_id and client_secret,"
        in refusal({**ALL, "server_metadata_url": ONE["server_metadata_url"], "google": ONE}).message
    )
    assert "[auth.my-own]" in refusal({**ALL, "my_own": ONE}).fix


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("redirect_uri", "https://d.example/", "https://dashboard.example.com/oauth2callback"),
        ("redirect_uri", "d.example/oauth2callback", "https://dashboard.example.com/oauth2callback"),
        ("server_metadata_url", "p.example/x", "ends in /.well-known/openid-configuration"),
    ],
)
def test_an_address_that_is_none_is_refused(key: str, value: str, expected: str) -> None:
    error = refusal({**ALL, **ONE, key: value})
    assert f"[auth] in {FILE}, {key} is '{value}'" in error.message and expected in error.fix


def test_an_error_that_has_nothing_to_do_with_the_provider_is_not_blamed_on_it() -> None:
    assert why_unusable(KeyError("state")) == ""
    assert why_unusable(json.JSONDecodeError("x", "y", 0), "http://p") == (
        "http://p does not answer with the metadata of an OpenID provider"
    )
