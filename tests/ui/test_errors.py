from __future__ import annotations

import pytest

from dashboard.ui.errors import without_last_command


@pytest.mark.parametrize(
    ("fix", "shown"),
    [
        (
            "Or use pets@1. Make it the active one with `python -m dashboard models use pets@1`.",
            "Or use pets@1. Make it the active one:",
        ),
        ("Restore it: `git restore models/pets`.", "Restore it:"),
        ("Add it with `pip install x`, then restart.", "Add it with `pip install x`, then restart."),
        ("Mark it with `label`.", "Mark it with `label`."),  # no command, so nothing stands below
    ],
)
def test_a_command_that_stands_below_the_advice_is_not_said_in_it_too(fix: str, shown: str) -> None:
    assert without_last_command(fix) == shown
