"""`python -m dashboard database`: check, back up and restore the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.cli.arguments import AsJson
from dashboard.cli.output import print_json, say, show
from dashboard.cli.records import records
from dashboard.core.database import maintaining
from dashboard.core.errors import counted
from dashboard.schemas.database import DatabaseBackupRecord, DatabaseCheckRecord, DatabaseRestoreRecord

database_app = typer.Typer(no_args_is_help=True, help="Check, back up and restore the database.")


@database_app.command("check")
def check(as_json: AsJson = False) -> None:
    """Check that the database can be used. Exits with 1 if it is damaged."""
    with records(as_json) as opened:
        rows, name = maintaining.check(opened.database), opened.database.address.name
    if as_json:
        print_json(DatabaseCheckRecord(database=name, rows=rows))
    show(f"{name} is in order.")
    for table, count in rows.items():
        show(f"  {table.replace('_', ' ')}: {counted(count, 'row')}")


@database_app.command("backup")
def backup(file: Annotated[Path, typer.Argument(help="A new file.")], as_json: AsJson = False) -> None:
    """Copy the database into a file, also while the dashboard runs."""
    with records(as_json) as opened:
        maintaining.back_up(opened.database, file)
    if as_json:
        print_json(DatabaseBackupRecord(file=str(file)))
    show(f"Wrote {file}")


@database_app.command("restore")
def restore(file: Annotated[Path, typer.Argument(help="A backup.")], as_json: AsJson = False) -> None:
    """Put a backup in the place of the database, while no dashboard runs. The present file is kept.

    Tokens that were revoked after the backup was made stay revoked. Valid tokens that the present file does not have are
    named: it does not tell whether they were revoked.
    """
    with records(as_json) as opened:
        address = opened.database.address
        done = maintaining.restore(address, file)
        still_revoked, maybe_revoked = ", ".join(done.still_revoked), ", ".join(done.maybe_revoked)
        noted = (("valid, maybe revoked before", maybe_revoked), ("still revoked", still_revoked))
        opened.note("database.restored", str(file), "; ".join(f"{state}: {names}" for state, names in noted if names))
    if as_json:
        print_json(DatabaseRestoreRecord.of(address.name, done))
    show(f"Restored {address.name}" + (f"; the file that was there is now {done.kept}" if done.kept else ""))
    if still_revoked:
        say(f"These tokens were revoked after the backup was made, and stay revoked: {still_revoked}.")
    if maybe_revoked:
        fault = "does not have them" if done.was_read else "cannot be read"
        reason = f"the file that was there {fault}" if done.kept else "no file was there"
        say(
            f"It is unknown whether these tokens were revoked after the backup was made, because {reason}. They are valid "
            f"now: {maybe_revoked}. Revoke a token with `python -m dashboard tokens revoke NAME`."
        )
