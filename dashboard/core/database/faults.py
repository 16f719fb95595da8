"""What went wrong with the database, in words: the errors of its drivers as DatabaseError."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dashboard.core.database.address import Address
from dashboard.core.errors import DatabaseError, counted
from dashboard.core.files import NotAFileError, check_regular, disk_is_full, how_to_write_again

_LOCKED = ("database is locked", "database table is locked", "lock timeout", "canceling statement due to lock")
_DAMAGED = ("malformed", "file is not a database", "database corruption", "decode to UTF-8", "codec can't decode")
HOW_TO_RESTORE = (
    "Stop the dashboard, then restore a backup with `python -m dashboard database restore BACKUP`, or move the file "
    "to another folder to begin an empty database."
)
_LONGEST = 300  # characters of a driver's message


@contextmanager
def told(address: Address) -> Iterator[None]:
    """Raises the errors of SQLAlchemy and its drivers as DatabaseError, without the password."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
        # no cause: tracebacks of the drivers may show how they connected
        raise as_database_error(address, error) from None


def as_database_error(address: Address, error: Exception) -> DatabaseError:
    """What happened, why, and a way out. `rows_refused` of the error is True if the rows to be written were at fault."""
    from sqlalchemy.exc import DataError, IntegrityError

    from dashboard.core.database.column_types import UnreadableValueError

    if isinstance(error, UnreadableValueError):
        return unreadable_value(address, str(error))
    original = getattr(error, "orig", None) or error
    text = address.without_password(" ".join(str(original).split()))[:_LONGEST].rstrip(". ")
    kind = type(original).__name__
    if address.file and any(words in text for words in _DAMAGED):
        return damaged(address, text)
    if any(words in text for words in _LOCKED):
        return locked(address)
    if isinstance(error, IntegrityError | DataError):
        refused = DatabaseError(f"A record was refused by {address.name}: {text}.", "Please report this.")
        refused.rows_refused = True
        return refused
    if address.file and re.search(r"no such (table|column)|has no column|duplicate column|already exists", text):
        return damaged(address, text)
    if address.file and (other := _no_file(address.file)):
        where = "" if other.filename == str(address.file) else f"{other.filename}: "
        return unavailable(address, f"{where}{other.strerror}", other)
    full = OSError(errno.ENOSPC, text) if is_full(original) else None
    return unavailable(address, f"{text} ({kind})" if text else kind, full)


def _no_file(file: Path) -> NotAFileError | None:
    """Which of SQLite's files is a folder, a pipe or a device, of which SQLite only says that it cannot be opened."""
    for ending in ("", "-wal", "-shm", "-journal"):
        try:
            with suppress(FileNotFoundError):
                check_regular(file.with_name(f"{file.name}{ending}"))
        except NotAFileError as error:
            return error
    return None


def is_full(error: BaseException) -> bool:
    """True if this error of SQLite says that there is no space left."""
    return "disk is full" in str(error)


def unavailable(address: Address, reason: str, error: OSError | None = None) -> DatabaseError:
    """The database cannot be reached or written. `error`: what the system said, if that is known."""
    if error:
        fix = f"{how_to_write_again(error)}."
    elif address.file:
        fix = f"Let the dashboard's user write in {address.file.parent}, and see that there is free space."
    else:
        fix = f"Start the server, and check host, user, password and database name in {address.variable}."
    but = ", but uploads need free space, too" if error and disk_is_full(error) else ""
    return DatabaseError(
        f"{address.as_subject} cannot be used: {reason}.",
        f"{fix} Predictions on the pages and the command line continue meanwhile{but}.",
    )


def wrong_encoding(address: Address, encoding: str) -> DatabaseError:
    """The PostgreSQL database has another encoding than UTF8, which cannot store every label and file name."""
    create = "create database dashboard_utf8 encoding 'UTF8' locale 'C' template template0"
    return DatabaseError(
        f"{address.as_subject} cannot be used: its encoding is {encoding}, and the dashboard needs UTF8.",
        f'Create a database with `psql {address.options} --command="{create}"`, and set {address.variable} to the same URL with '
        "dashboard_utf8 as the name at its end, then restart the dashboard. Predictions on the pages and the command line continue "
        "meanwhile.",
        "database_url",
    )


def locked(address: Address) -> DatabaseError:
    """Another program holds the database."""
    return DatabaseError(
        f"{address.as_subject} is locked: another program has been writing to it for too long.",
        "Try again when that program has finished or is closed.",
        "database_locked",
    )


def unreadable_value(address: Address, reason: str) -> DatabaseError:
    """A value in the file is none that the dashboard stores."""
    error = DatabaseError(
        f"The database file {address.name} is damaged: {reason}. What needs this value cannot be shown; all else can be used.",
        HOW_TO_RESTORE,
        "database_damaged",
    )
    error.only_a_value = True
    return error


def left_out(errors: Sequence[DatabaseError]) -> str:
    """How many damaged records a file or a list lacks, why the first of them, and what to do; "" for none."""
    if not errors:
        return ""
    are = "is" if len(errors) == 1 else "are"
    return f"{counted(len(errors), 'damaged record')} {are} left out. {errors[0].message} {errors[0].fix}"


def damaged(address: Address, reason: str) -> DatabaseError:
    """The file is not a database, or no longer. Nothing is written to it."""
    return DatabaseError(
        f"The database file {address.name} is damaged: {' '.join(reason.split())}. The dashboard does not use it; predictions continue "
        "without history.",
        HOW_TO_RESTORE,
        "database_damaged",
    )
