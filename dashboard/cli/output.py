"""What every command prints: JSON to standard output, everything for people to standard error."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from dashboard.core.datasets import readable_name
from dashboard.core.errors import DashboardError
from dashboard.core.models.prediction import Failure
from dashboard.core.models.version import ModelVersion

console = Console(stderr=True, highlight=False)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def print_json(value: Any) -> None:
    """As UTF-8, whatever the terminal speaks."""
    text = readable_name(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


def plain_text(text: str | Path, style: str = "") -> Text:
    """Names of files and classes as they are, never markup, printable in any case: no line breaks, no escape sequences."""
    return Text(_CONTROL.sub(lambda found: repr(found[0])[1:-1], readable_name(str(text))), style=style)


def say(text: str, style: str = "") -> None:
    """One line for people, broken by the terminal only, so that what it holds can be copied."""
    console.print(plain_text(text, style), soft_wrap=True)


def error_record(error: DashboardError | Failure) -> dict[str, str]:
    """An error as JSON."""
    return {"code": error.code, "message": error.message, "fix": error.fix}


def model_record(version: ModelVersion) -> dict[str, str]:
    """A version's name as JSON."""
    return {"name": version.name, "version": version.version}


def stop(error: DashboardError, as_json: bool, exit_code: int = 1) -> NoReturn:
    """Says what happened and what to do, and ends the command."""
    if as_json:
        print_json({"error": error_record(error)})
    say(error.message, "red")
    if error.fix:
        say(error.fix)
    raise typer.Exit(exit_code)


def progress() -> Progress:
    """A bar with a `rate` field."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )
