from __future__ import annotations

import io
import shlex
import sys

import pytest

from dashboard.core.shell import in_command, print_anything, set_variable


@pytest.mark.parametrize("text", ["a.zip", "my pictures.zip", "cat=dog", "it's", "$HOME", ""])
def test_a_word_of_a_command(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shlex.split(in_command(text)) == [text]
    monkeypatch.setattr(sys, "platform", "win32")
    assert in_command(text).strip('"') == text and (in_command(text)[:1] == '"') == (
        text != "a.zip" and text != "cat=dog"
    )


def test_setting_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set_variable("A", 1) == "export A=1"
    monkeypatch.setattr(sys, "platform", "win32")
    assert set_variable("A", 1) == '$env:A = "1"'


def test_letters_that_the_console_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    console = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(console, "cp1252", write_through=True))
    print_anything()
    print("\u732b \u20ac", end="")
    assert console.getvalue() == rb"\u732b " + "\u20ac".encode("cp1252")
