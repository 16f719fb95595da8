"""Opens a database: SQLAlchemy's engine with the settings that each kind of database needs, checked and migrated."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dashboard.core.database import faults
from dashboard.core.database.address import Address
from dashboard.core.database.file_locks import writer_lock
from dashboard.core.database.migrating import HEAD, migrate, version_of
from dashboard.core.errors import DependencyError
from dashboard.core.shell import install_requirements

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from dashboard.core.database.limited_connection import LimitedConnection

WRITES = "dashboard_writes"  # execution option of a connection whose transactions write
READS = "dashboard_reads"  # execution option of a connection whose transactions only read
_READ_S, _CHANGE_S = 15.0, 300.0  # how long PostgreSQL may be silent; one statement deletes thousands of records
_MIGRATION_S = 60.0  # how long another process may take to change the tables
_ON_POSTGRESQL = {
    "application_name": "classifier-dashboard",
    "client_encoding": "utf8",  # else psycopg gives bytes for text where an environment or a database says SQL_ASCII
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # ms
    "prepare_threshold": None,  # a pooler such as PgBouncer gives each transaction another connection
}


def open_engine(address: Address, lock_s: float) -> Engine:
    """The engine of a database, whose tables are made or changed if they have to be. The folder of a file must exist.

    Args:
        lock_s: how long a statement waits for a lock.

    Raises:
        DatabaseError, DependencyError, OSError.
        TimeoutError: another process holds the file.
        SQLAlchemyError, sqlite3.Error: see `faults.told`.
    """
    engine = _sqlite(address, lock_s) if address.file else _postgresql(address, lock_s)
    try:
        if address.file:
            _open_file(address, address.file, engine, lock_s)
        else:
            with engine.connect() as connection:
                encoding = str(connection.exec_driver_sql("SHOW server_encoding").scalar())
                if encoding != "UTF8":
                    raise faults.wrong_encoding(address, encoding)
                ready = version_of(connection) == HEAD
            if not ready:
                with engine.begin() as connection:
                    migrate(connection, address.as_subject)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _open_file(address: Address, file: Path, engine: Engine, lock_s: float) -> None:
    """Checks the file. Those who make or change it at the same time wait for each other."""
    is_new = not file.exists() or not file.stat().st_size
    if not is_new:
        with engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
            if found != "ok":
                raise faults.damaged(address, found)
            if version_of(connection) == HEAD:
                return
    with writer_lock(file, max(lock_s, _MIGRATION_S)), engine.connect() as connection:
        writing = connection.execution_options(**{WRITES: True})
        with writing.begin():
            migrate(writing, address.as_subject)


def _sqlite(address: Address, lock_s: float) -> Engine:
    from sqlalchemy import create_engine, event

    engine = create_engine(address.url, connect_args={"timeout": lock_s}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not by a guess of the driver
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # what is acknowledged survives a power cut
            "foreign_keys=ON",
            "mmap_size=0",  # a file that shrinks while it is mapped kills the process
            "trusted_schema=OFF",
            "journal_size_limit=67108864",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a transaction that reads first and writes later fails when another one has written in between
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(address: Address, lock_s: float) -> Engine:
    try:
        from sqlalchemy import create_engine, event

        from dashboard.core.database.limited_connection import CONNECT_S, LimitedConnection
    except ImportError as error:
        raise DependencyError(
            f"PostgreSQL needs the package psycopg, which cannot be imported: {error}.",
            f"Install it with `{install_requirements()}`.",
        ) from error
    engine = create_engine(
        address.url,
        connect_args={"connect_timeout": CONNECT_S, **_ON_POSTGRESQL},
        pool_pre_ping=True,  # connections from before a restart of the server are replaced
        pool_timeout=CONNECT_S,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_: Any, __: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> LimitedConnection:
        return LimitedConnection.connect(*arguments, **options)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        limited = cast("LimitedConnection", connection.connection.dbapi_connection)
        limited.transaction_s = _READ_S if options.get(READS) else _CHANGE_S
        if options.get(WRITES):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(lock_s * 1000)}")

    return engine
