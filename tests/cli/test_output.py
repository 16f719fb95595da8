"""File names are printed as text; control characters in them have no effect."""

from __future__ import annotations

from dashboard.cli.output import plain_text


def test_a_name_cannot_command_the_terminal_or_fake_a_line() -> None:
    assert plain_text("\x1b[31mred\x1b[0m.png").plain == r"\x1b[31mred\x1b[0m.png"
    assert plain_text("a\nOK b.png").plain == r"a\nOK b.png"
    assert plain_text("[bold]é ü 猫.png").plain == "[bold]é ü 猫.png"
