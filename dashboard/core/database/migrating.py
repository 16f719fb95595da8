"""Brings the tables of a database to the version that this program needs. Each change is a step in `migrations`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.core.database import faults
from dashboard.core.errors import DatabaseError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

HEAD = "0003"  # the newest step; written here too, because Alembic takes long to import and is seldom needed
_STEPS = Path(__file__).parent / "migrations"
_VERSION_TABLE = "dashboard_version"  # not Alembic's usual name, since a server's database may serve other programs too
_LOCK = 7_301_865_114  # of PostgreSQL, for those who migrate at the same time


def version_of(connection: Connection) -> str | None:
    """The step that the tables are at, or what a damaged database has in its place; None for an empty database."""
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    return ", ".join(map(str, connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalars()))


def migrate(connection: Connection, name: str) -> None:
    """Makes the tables, or does the missing steps, all of them or none, in the transaction that is open.

    Args:
        connection: no other one may migrate meanwhile; for PostgreSQL, a lock is taken here.
        name: of the database, as the beginning of a message.

    Raises:
        DatabaseError: a newer program made the tables, or it is damaged.
    """
    from sqlalchemy import text

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    current = version_of(connection)
    if current is None:
        _make(connection)
    elif current != HEAD:
        do_steps(connection, current, name)


def _make(connection: Connection) -> None:
    """Makes the tables as they are at `HEAD`, without Alembic, whose import takes time and memory."""
    from sqlalchemy import Column, MetaData, String, Table

    from dashboard.core.database.tables import metadata

    metadata.create_all(connection)
    version = Table(
        _VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True)
    )  # as Alembic makes it
    version.create(connection)
    connection.execute(version.insert().values(version_num=HEAD))


def do_steps(connection: Connection, current: str | None, name: str) -> None:
    """Does the steps after `current`. Raises DatabaseError as `migrate` does."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    steps = scripts()
    if current is not None and current not in {step.revision for step in steps.walk_revisions()}:
        if not re.fullmatch(r"\d{4}", current) or current < HEAD:
            raise DatabaseError(
                f"{name} is damaged: its table {_VERSION_TABLE} holds {current[:40]!r}, which is no version.",
                faults.HOW_TO_RESTORE,
                "database_damaged",
            )
        raise DatabaseError(
            f"{name} was made by a newer version of the dashboard (step {current[:40]}; this version knows {HEAD}).",
            "Update the dashboard, or restore the backup that was made before the update.",
            "database_newer",
        )
    context = EnvironmentContext(
        Config(), steps, fn=lambda revision, _: steps._upgrade_revs(HEAD, revision), as_sql=False
    )
    with context:
        context.configure(connection=connection, version_table=_VERSION_TABLE)  # in the transaction of the caller
        context.run_migrations()


def scripts() -> ScriptDirectory:
    """The steps."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(_STEPS), version_locations=[str(_STEPS)])
