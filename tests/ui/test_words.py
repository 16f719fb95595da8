from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from dashboard.ui.words import local_time, plain

AUTOLINK = re.compile(r"https?://|www\.|[\w.+-]+@[\w-]+(\.[\w-]+)+", re.IGNORECASE)  # GFM, section 6.9


@pytest.mark.parametrize("text", ["www.evil.example", "WWW.evil.example", "https://evil.example/x", "me@evil.example"])
def test_addresses_are_no_links(text: str) -> None:
    assert AUTOLINK.search(text) and not AUTOLINK.search(re.sub(r"\\(.)", r"\1", plain(text)))


@pytest.mark.parametrize("text", [":material/delete:", ":red[x]", "**x**", "![x](y)", "$x$", "<b>"])
def test_nothing_is_markup(text: str) -> None:
    assert ":material/" not in plain(text) and not re.search(r"(?<!\\)[*\[\]()$<>:]", plain(text))


def test_names_of_versions_can_be_copied() -> None:
    assert re.sub(r"\\(.)", r"\1", plain("cifar10-resnet@3 at 12:30")) == "cifar10-resnet@3 at 12:30"


def test_a_time_is_shown_as_it_was_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Summer time was in force in July, though it is winter now."""
    berlin = SimpleNamespace(timezone="Europe/Berlin", timezone_offset=-60)
    monkeypatch.setattr("dashboard.ui.words.st", SimpleNamespace(context=berlin))
    assert local_time("2026-07-01T10:00:00+00:00") == "01 Jul 2026, 12:00"
    assert local_time("2026-12-01T10:00:00+00:00") == "01 Dec 2026, 11:00"
    for unknown in (None, "", "Mars/Base", "../x"):
        berlin.timezone = unknown
        assert local_time("2026-12-01T10:00:00+00:00") == "01 Dec 2026, 11:00"
