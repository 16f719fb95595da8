"""Checks, copies and restores the SQLite file. A PostgreSQL server has its own programs for this."""

from __future__ import annotations

import errno
import itertools
import os
import sqlite3
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.core.database import faults
from dashboard.core.database.address import Address, file_address
from dashboard.core.database.database import Database
from dashboard.core.database.file_locks import used_by_nobody, writer_lock
from dashboard.core.errors import DashboardError, DatabaseError
from dashboard.core.files import how_to_write_again, how_to_write_there
from dashboard.core.shell import in_command

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

_PAGES_AT_ONCE = 1024  # of a copy; other programs may write between two steps
_ROWS_AT_ONCE = 1000
_LOCK_S = 10.0
_ENDINGS = ("-wal", "-shm", "")  # what is not in the file itself yet belongs to it
_BEGINS = b"SQLite format 3\0"  # every SQLite file, https://www.sqlite.org/fileformat.html


def check(database: Database) -> dict[str, int]:
    """Opens and checks the whole database. The number of rows of each table.

    Raises:
        DatabaseError: it is damaged or cannot be used.
    """
    from sqlalchemy import func, select

    from dashboard.core.database.tables import metadata

    with database.reading() as connection:
        if database.address.file:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
            if found != "ok":
                raise faults.damaged(database.address, found)
            return {name: _count_readable(connection, table) for name, table in metadata.tables.items()}
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


def _count_readable(connection: Connection, table: Table) -> int:
    """Reads all values but images and stored answers, which are larger than all others together."""
    from sqlalchemy import select

    from dashboard.core.database.column_types import Content

    small = [column for column in table.columns if not isinstance(column.type, Content)]
    rows = connection.execute(select(*small).execution_options(yield_per=_ROWS_AT_ONCE))
    return sum(1 for _ in rows)


def back_up(database: Database, target: Path) -> None:
    """Copies the database into a new file, also while it is in use.

    Raises:
        DatabaseError: it is damaged, cannot be used, or is on a PostgreSQL server.
        DashboardError: the target exists or cannot be written.
    """
    source = database.address.file
    if source is None:
        raise _no_file(
            database.address,
            f"Use `pg_dump --format=custom --file={in_command(str(target))} {database.address.options}`.",
        )
    if target.exists():
        raise DashboardError(f"{target} exists already.", "Name a new file.", "storage")
    if not target.parent.is_dir():
        raise DashboardError(
            f"There is no folder {target.parent}.", "Make it, or name a file in another folder.", "not_found"
        )
    with database.reading():
        pass  # checked, and refused if it is damaged
    part = target.with_name(f".{target.name}.part")
    try:
        _copy(source, part)
        part.replace(target)
    except OSError as error:
        raise DashboardError(
            f"{target} cannot be written: {error.strerror}.",
            how_to_write_there(error, "file"),
            "storage",
        ) from error
    finally:
        with suppress(OSError):  # else it would hide why the copy failed
            part.unlink(missing_ok=True)


@dataclass(frozen=True)
class Restored:
    """What became of the file that a backup replaced, and of the tokens, which are given by name."""

    kept: Path | None  # the new name of the file; None if there was none
    was_read: bool  # False if there was no file, or a damaged one
    still_revoked: tuple[str, ...]  # they were valid in the backup
    maybe_revoked: tuple[str, ...]  # they are valid; the file does not tell whether they were revoked


def restore(address: Address, backup: Path) -> Restored:
    """Puts a backup in the place of the database. The present file is kept, and tokens revoked in it stay revoked.

    Raises:
        DatabaseError: the backup is damaged or of another program, or a process uses the database.
        DashboardError: a file cannot be written.
    """
    if (file := address.file) is None:
        raise _not_for_postgresql(address, backup)
    _check_backup(backup)
    part = file.with_name(f".{file.name}.part")
    kept: Path | None = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            try:
                locks.enter_context(used_by_nobody(file))
                locks.enter_context(writer_lock(file, _LOCK_S))
            except TimeoutError:
                raise DatabaseError(
                    f"{file} is in use.", "Stop the dashboard and its commands, then try again.", "database_locked"
                ) from None
            _copy(backup, part)
            with faults.told(address):
                tokens = _keep_revoked(file, part)
            if file.exists():
                kept = _free_name(file)
                for ending in _ENDINGS:
                    own = file.with_name(file.name + ending)
                    if own.exists():
                        own.replace(kept.with_name(kept.name + ending))
            part.replace(file)
    except OSError as error:
        raise DashboardError(
            f"{file} cannot be written: {error.strerror}.", f"{how_to_write_again(error)}.", "storage"
        ) from error
    finally:
        with suppress(OSError):  # else it would hide why the copy failed
            part.unlink(missing_ok=True)
    return Restored(kept, *tokens)


def _free_name(file: Path) -> Path:
    """A name for the file that is replaced, which nothing has, also not after another restore in the same second."""
    first = f"{file.name}.before-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
    names = itertools.chain([first], (f"{first}-{number}" for number in itertools.count(2)))
    return next(
        file.with_name(name) for name in names if not any(file.with_name(name + each).exists() for each in _ENDINGS)
    )


def _keep_revoked(replaced: Path, part: Path) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    """Revokes the tokens of the new file that are revoked in the one that it replaces.

    Returns:
        Whether the old file could be read, the names of these tokens, and those of the valid tokens that it does not have.
    """
    try:
        with closing(sqlite3.connect(f"{replaced.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOCK_S)) as old:
            known = dict(old.execute("SELECT token_id, revoked_utc FROM tokens"))
            was_read = True
    except sqlite3.Error:
        known, was_read = {}, False
    with closing(sqlite3.connect(part)) as new, new:
        valid = new.execute(
            "SELECT token_id, name FROM tokens WHERE revoked_utc IS NULL AND coalesce(expires_utc > datetime(), TRUE)"
        ).fetchall()
        revoked = [(token_id, name) for token_id, name in valid if known.get(token_id) is not None]
        new.executemany("UPDATE tokens SET revoked_utc = ? WHERE token_id = ?", [(known[i], i) for i, _ in revoked])
    maybe_revoked = [(token_id, name) for token_id, name in valid if token_id not in known]
    # a damaged name may be no text
    return was_read, tuple(str(name) for _, name in revoked), tuple(str(name) for _, name in maybe_revoked)


def _no_file(address: Address, fix: str) -> DatabaseError:
    return DatabaseError(f"{address.as_subject} is not a file.", fix, "database_url")


def _not_for_postgresql(address: Address, backup: Path) -> DatabaseError:
    command = "pg_restore --clean --if-exists " + address.options
    if not _is_sqlite(backup):
        return _no_file(address, f"If pg_dump made the backup, use `{command} {in_command(str(backup))}`.")
    return DatabaseError(
        f"{backup} is a backup of an SQLite file. It cannot go into {address.name}.",
        f"To use the backup, remove {address.variable} and restore it again: the dashboard then uses a file in the data "
        f"folder. A backup that pg_dump made goes back with `{command} BACKUP`.",
        "database_url",
    )


def _is_sqlite(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_BEGINS)) == _BEGINS
    except OSError:
        return False


def _check_backup(backup: Path) -> None:
    if not backup.is_file():
        raise DashboardError(f"There is no file {backup}.", "Name a backup that `database backup` made.", "not_found")
    try:
        with closing(sqlite3.connect(f"{backup.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            ours = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'dashboard_version'").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter if the names of tables are damaged
        found, ours = str(error), (1,)
    if found != "ok" or not ours[0]:
        reason = "it is not a database of the dashboard" if found == "ok" else " ".join(found.split())
        raise DatabaseError(
            f"The backup {backup} cannot be used: {reason}. Nothing was changed.",
            "Name another backup.",
            "database_damaged",
        )


def _copy(source: Path, target: Path) -> None:
    """Raises OSError if the target cannot be written, else DashboardError."""
    target.unlink(missing_ok=True)
    target.touch()  # SQLite does not tell why it cannot create a file
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=_LOCK_S)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new, pages=_PAGES_AT_ONCE)
            new.execute("PRAGMA journal_mode=DELETE")  # one file without companions
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if faults.is_full(error):  # only the target grows
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        known = faults.as_database_error(file_address(source), error)
        if known.code in ("database_locked", "database_damaged"):
            raise known from error
        raise DashboardError(
            f"{source} cannot be copied to {target.parent}: {error}.",
            "Check the disks of both and the limit for the size of a file (`ulimit -f`), then try again.",
            "storage",
        ) from error
