"""What the commands about the database share: its services, closed at the end, and moments on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import typer

from dashboard.cli.arguments import services
from dashboard.cli.output import stop
from dashboard.core.errors import DashboardError
from dashboard.core.files import how_to_write_there
from dashboard.services import Services


@contextmanager
def records(as_json: bool) -> Iterator[Services]:
    """The services of a command that needs no workers. An error ends the command with its message."""
    with services() as opened:
        try:
            yield opened
        except DashboardError as error:
            stop(error, as_json)


def moment(text: str) -> datetime:
    """A date or time as typed, such as 2026-11-28 or 2026-11-28T14:30; UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date; write it as 2026-11-28 or 2026-11-28T14:30.") from error
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def until(days: float) -> datetime:
    """The moment in so many days."""
    return datetime.now(timezone.utc) + timedelta(days=days)


def file_error(path: Path, error: OSError) -> DashboardError:
    """The error for a file that cannot be written."""
    return DashboardError(
        f"{path} cannot be written: {error.strerror or error}.",
        how_to_write_there(error, "file"),
        "storage",
    )
