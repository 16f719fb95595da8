"""Where the database is: a file, or a PostgreSQL server. Its password appears in no text that this file gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from dashboard.core.errors import DatabaseError
from dashboard.core.shell import in_command

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dashboard.core.settings import Settings

FILE_NAME = "dashboard.sqlite3"
_VARIABLE, _USUAL_VARIABLE = "DASHBOARD_DATABASE_URL", "DATABASE_URL"


@dataclass(frozen=True)
class Address:
    """The place of a database."""

    url: URL = field(repr=False)
    file: Path | None  # None: a PostgreSQL server
    variable: str = _VARIABLE  # the setting that names it, or would

    @property
    def name(self) -> str:
        """The place in words, without a password."""
        if self.file:
            return str(self.file)
        port = f":{self.url.port}" if self.url.port else ""
        return f"the PostgreSQL database {self.url.database or ''!r} on {self.url.host or 'this machine'}{port}"

    @property
    def as_subject(self) -> str:
        """`name` as the beginning of a sentence."""
        return self.name if self.file else self.name[0].upper() + self.name[1:]

    @property
    def options(self) -> str:
        """A PostgreSQL server, user and database as options of its programs, without the password."""
        named = {
            "host": self.url.host,
            "port": self.url.port,
            "username": self.url.username,
            "dbname": self.url.database,
        }
        return " ".join(f"--{name}={in_command(str(value))}" for name, value in named.items() if value)

    def without_password(self, text: str) -> str:
        """The text with `***` in place of the password, however it is written."""
        password = str(self.url.password or "")
        for secret in {password, quote(password), quote_plus(password), quote(password, safe="")} - {""}:
            text = text.replace(secret, "***")
        return text


def address_of(settings: Settings) -> Address:
    """The database that the settings name. Raises DatabaseError with the code `database_url` if they name none."""
    for variable, setting in ((_VARIABLE, settings.database_url), (_USUAL_VARIABLE, settings.usual_database_url)):
        if stated := setting.get_secret_value().strip():
            return read_address(stated, variable)
    return file_address(settings.data_dir / FILE_NAME)


def file_of(settings: Settings) -> Path | None:
    """The SQLite file that the settings name; None for a PostgreSQL server. Raises as `address_of` does."""
    if settings.database_url.get_secret_value().strip() or settings.usual_database_url.get_secret_value().strip():
        return address_of(settings).file
    return settings.data_dir / FILE_NAME  # without SQLAlchemy, whose import would delay the first page


def file_address(path: Path) -> Address:
    """The address of an SQLite file, which need not exist."""
    from sqlalchemy import URL

    return Address(URL.create("sqlite+pysqlite", database=str(path)), path)


def read_address(text: str, variable: str = _VARIABLE) -> Address:
    """The address that a URL names: `postgresql://...`, `postgres://...` or `sqlite:///FILE`. Raises DatabaseError.

    Args:
        variable: the setting that has the URL.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    way_out = (
        f"Set {variable} to postgresql://USER:PASSWORD@HOST:5432/NAME, with special characters of the password "
        "percent-encoded, or remove it to use a file in the data folder."
    )
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # no cause, which would show the URL
        raise DatabaseError(f"{variable} is not a URL.", way_out, "database_url") from None
    backend = url.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return Address(url.set(drivername="postgresql+psycopg"), None, variable)
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return file_address(Path(url.database).expanduser().absolute())
    raise DatabaseError(
        f"{variable} names a database of the kind {backend[:40]!r}, which is not supported.", way_out, "database_url"
    )
