"""Commands: those that messages tell people to copy, a program in place of this one, what a console prints.

It needs no package, because what it says is needed most when one is broken.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

PACKAGE = Path(__file__).resolve().parents[1]
BUNDLED = PACKAGE / "_bundled"  # only a wheel has it, see pyproject.toml
INSTALLED = BUNDLED.is_dir()
ROOT = (
    BUNDLED if INSTALLED else PACKAGE.parent
)  # has app.py, pages/, models/, data/ and .streamlit/; read only if INSTALLED
_SCRIPT = "classifier-dashboard"
_MODULE = re.compile(r"python -m dashboard(?![\w.-]\w)")  # but not dashboard.training
_SAFE_IN_QUOTES = re.compile(r"[\w. -]+")
_SPECIAL = frozenset(" \t&|<>^()%!;,'`$@{}#~*?[]")  # in PowerShell or cmd.exe


def set_variable(name: str, value: object) -> str:
    """The command that sets an environment variable: in a POSIX shell or, on Windows, in PowerShell."""
    return f'$env:{name} = "{value}"' if sys.platform == "win32" else f"export {name}={value}"


@lru_cache(maxsize=1024)
def git_has(folder: Path) -> bool:
    """True if git tracks files in a folder of the project, so that `git restore` brings them back."""
    import subprocess  # here, because it takes time

    command = ["git", "--literal-pathspecs", "ls-files", "--", str(folder)]
    try:
        return bool(subprocess.run(command, cwd=ROOT, capture_output=True, timeout=5).stdout)
    except (OSError, subprocess.TimeoutExpired):  # there is no git
        return False


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
    """Lets `print` write any text to a terminal or file whose encoding lacks some letters (cp1252): as escapes.

    Streams that were closed when this program began (`>&-`) become empty ones.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the program ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def program() -> str:
    """How this program is called: as it was started, and on a server of an installed dashboard as it is installed."""
    started = Path(sys.argv[0])
    by_name = started.stem == _SCRIPT or (INSTALLED and started != PACKAGE / "__main__.py")
    return _SCRIPT if by_name else "python -m dashboard"


def as_called(text: str) -> str:
    """The text with the program in its commands called as by `program`."""
    return _MODULE.sub(program(), text)


def in_command(text: str) -> str:
    """The text as one word of a command: for a POSIX shell or, on Windows, for PowerShell and cmd.exe.

    Characters that cannot be shown, also bytes that are no UTF-8, are escaped as bash, zsh and ksh read it.
    """
    if sys.platform == "win32":
        return f'"{text}"' if not text or _SPECIAL.intersection(text) else text
    if not text.isprintable():
        with contextlib.suppress(UnicodeEncodeError):  # half a character, which no name of a file has
            shown = (chr(b) if 32 <= b < 127 and b not in b"'\\`" else f"\\x{b:02x}" for b in os.fsencode(text))
            return f"$'{''.join(shown)}'"
    return shlex.quote(text)


def is_safe_in_quotes(text: str) -> bool:
    """True if the text can stand as it is between quotes of Python and of every shell."""
    return _SAFE_IN_QUOTES.fullmatch(text) is not None


def pip_command(arguments: str) -> str:
    """The pip command for the Python that runs this, to be used in the folder of the project."""
    python = Path(sys.executable)
    shown = str(python.relative_to(ROOT)) if python.is_relative_to(ROOT) else str(python)
    return f"{in_command(shown)} -m pip {arguments}"


def install_requirements(more: str = "") -> str:
    """The pip command that installs what the dashboard needs. `more`: options and further packages."""
    file = in_command(str(ROOT / "requirements.txt")) if INSTALLED else "requirements.txt"
    return pip_command(" ".join(filter(None, ("install", more, f"-r {file}"))))
