"""Words of commands that messages tell people to copy."""

from __future__ import annotations

import shlex
import sys

_SPECIAL = frozenset(" \t&|<>^()%!;,'`$@{}#~*?[]")  # in PowerShell or cmd.exe


def in_command(text: str) -> str:
    """The text as one word of a command: for a POSIX shell or, on Windows, for PowerShell and cmd.exe."""
    if sys.platform == "win32":
        return f'"{text}"' if not text or _SPECIAL.intersection(text) else text
    return shlex.quote(text)
