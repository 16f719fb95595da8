"""Words of commands that messages tell people to copy."""

from __future__ import annotations

import io
import shlex
import sys

_SPECIAL = frozenset(" \t&|<>^()%!;,'`$@{}#~*?[]")  # in PowerShell or cmd.exe


def set_variable(name: str, value: object) -> str:
    """The command that sets an environment variable: in a POSIX shell or, on Windows, in PowerShell."""
    return f'$env:{name} = "{value}"' if sys.platform == "win32" else f"export {name}={value}"


def print_anything() -> None:
    """Lets `print` write any text to a terminal or file whose encoding lacks some letters (cp1252): as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def in_command(text: str) -> str:
    """The text as one word of a command: for a POSIX shell or, on Windows, for PowerShell and cmd.exe."""
    if sys.platform == "win32":
        return f'"{text}"' if not text or _SPECIAL.intersection(text) else text
    return shlex.quote(text)
