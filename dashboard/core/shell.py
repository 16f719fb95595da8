"""Commands: words of those that messages tell people to copy, a program in place of this one, what a console prints."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from typing import NoReturn

_SPECIAL = frozenset(" \t&|<>^()%!;,'`$@{}#~*?[]")  # in PowerShell or cmd.exe


def set_variable(name: str, value: object) -> str:
    """The command that sets an environment variable: in a POSIX shell or, on Windows, in PowerShell."""
    return f'$env:{name} = "{value}"' if sys.platform == "win32" else f"export {name}={value}"


def become(command: list[str]) -> NoReturn:
    """Runs a program in place of this one, so that signals reach it. Raises OSError.

    Where a program cannot be replaced (Windows), this one waits for the other and ends with its exit code.
    """
    if sys.platform == "win32":
        import subprocess  # here, because it takes time

        program = subprocess.Popen(command)
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reaches the program, too, which ends when it is done
                sys.exit(program.wait())
    os.execv(command[0], command)


def print_anything() -> None:
    """Lets `print` write any text to a terminal or file whose encoding lacks some letters (cp1252): as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def in_command(text: str) -> str:
    """The text as one word of a command: for a POSIX shell or, on Windows, for PowerShell and cmd.exe."""
    if sys.platform == "win32":
        return f'"{text}"' if not text or _SPECIAL.intersection(text) else text
    return shlex.quote(text)
