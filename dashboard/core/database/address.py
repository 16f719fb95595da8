"""Where the database is: a file, or a PostgreSQL server. Its password appears in no text that this file gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from dashboard.core.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from dashboard.core.settings import Settings

FILE_NAME = "dashboard.sqlite3"
_WAY_OUT = (
    "Set DATABASE_URL to postgresql://USER:PASSWORD@HOST:5432/NAME, with special characters of the password "
    "percent-encoded, or remove it to use a file in the data folder."
)


@dataclass(frozen=True)
class Address:
    """The place of a database."""

    url: URL = field(repr=False)
    file: Path | None  # None: a PostgreSQL server

    @property
    def name(self) -> str:
        """The place in words, without a password."""
        if self.file:
            return str(self.file)
        port = f":{self.url.port}" if self.url.port else ""
        return f"the PostgreSQL database {self.url.database or ''!r} on {self.url.host or 'this machine'}{port}"

    def without_password(self, text: str) -> str:
        """The text with `***` in place of the password, however it is written."""
        password = str(self.url.password or "")
        for secret in {password, quote(password), quote_plus(password), quote(password, safe="")} - {""}:
            text = text.replace(secret, "***")
        return text


def address_of(settings: Settings) -> Address:
    """The database that the settings name. Raises DatabaseError with the code `database_url` if they name none."""
    stated = settings.database_url.get_secret_value().strip()
    return read_address(stated) if stated else file_address(settings.data_dir / FILE_NAME)


def file_address(path: Path) -> Address:
    """The address of an SQLite file, which need not exist."""
    from sqlalchemy import URL

    return Address(URL.create("sqlite+pysqlite", database=str(path)), path)


def read_address(text: str) -> Address:
    """The address that a URL names: `postgresql://...`, `postgres://...` or `sqlite:///FILE`. Raises DatabaseError."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # no cause, which would show the URL
        raise DatabaseError("DATABASE_URL is not a URL.", _WAY_OUT, "database_url") from None
    backend = url.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return Address(url.set(drivername="postgresql+psycopg"), None)
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return file_address(Path(url.database).expanduser().absolute())
    raise DatabaseError(
        f"DATABASE_URL names a database of the kind {backend[:40]!r}, which is not supported.", _WAY_OUT, "database_url"
    )
