from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.core import shell
from dashboard.core.shell import PACKAGE, as_called, in_command, print_anything, set_variable


@pytest.mark.parametrize("text", ["a.zip", "my pictures.zip", "cat=dog", "it's", "$HOME", ""])
def test_a_word_of_a_command(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shlex.split(in_command(text)) == [text]
    monkeypatch.setattr(sys, "platform", "win32")
    assert in_command(text).strip('"') == text and (in_command(text)[:1] == '"') == (
        text != "a.zip" and text != "cat=dog"
    )


@pytest.mark.parametrize("text", ["a\u00a0b", "zero\u200bwidth's", "two\nlines `", "\\r\udcffab\udcfe"])
def test_what_cannot_be_shown_is_escaped_in_a_word_of_a_command(text: str) -> None:
    command = in_command(text)
    assert command.isprintable() and command.isascii()
    assert subprocess.check_output(["bash", "-c", f"printf %s {command}"]) == os.fsencode(text)
    assert in_command("half\ud800") == "'half\ud800'"


@pytest.mark.parametrize(
    "started, installed, called",
    [
        ("/env/bin/classifier-dashboard", False, "classifier-dashboard"),
        (PACKAGE / "__main__.py", False, "python -m dashboard"),
        (PACKAGE / "__main__.py", True, "python -m dashboard"),
        ("/env/lib/streamlit/__main__.py", True, "classifier-dashboard"),  # the server
        ("/env/lib/streamlit/__main__.py", False, "python -m dashboard"),
    ],
)
def test_commands_name_the_program_as_it_was_started(
    monkeypatch: pytest.MonkeyPatch, started: str | Path, installed: bool, called: str
) -> None:
    monkeypatch.setattr(sys, "argv", [str(started)])
    monkeypatch.setattr(shell, "INSTALLED", installed)
    text = "Run `python -m dashboard runs list`, python -m dashboard. Train with `python -m dashboard.training`."
    assert as_called(text) == f"Run `{called} runs list`, {called}. Train with `python -m dashboard.training`."


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
