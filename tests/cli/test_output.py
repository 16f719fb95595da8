"""File names are printed as text; control characters in them have no effect."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from dashboard.cli.output import plain_text, read_image
from dashboard.core.errors import ImageError


def test_a_name_cannot_command_the_terminal_or_fake_a_line() -> None:
    assert plain_text("\x1b[31mred\x1b[0m.png").plain == r"\x1b[31mred\x1b[0m.png"
    assert plain_text("a\nOK b.png").plain == r"a\nOK b.png"
    assert plain_text("[bold]é ü 猫.png").plain == "[bold]é ü 猫.png"


def test_an_image_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x89PNG\xff")))
    assert read_image(Path("-")) == b"\x89PNG\xff"


def test_a_folder_is_no_image_and_the_commands_for_it_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="It is a folder") as refused:
        read_image(tmp_path)
    assert f"`python -m dashboard evaluate {tmp_path}`" in refused.value.fix and f"{tmp_path}/*" in refused.value.fix
