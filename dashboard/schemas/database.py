"""JSON of the commands about the database."""

from __future__ import annotations

from pydantic import Field

from dashboard.core.database.maintaining import Restored
from dashboard.schemas.schema import Schema


class DatabaseCheckRecord(Schema):
    """A database without damage."""

    database: str = Field(description="the file, or the server without its password")
    rows: dict[str, int] = Field(description="number of rows of each table")


class DatabaseBackupRecord(Schema):
    """A backup that was made."""

    file: str


class DatabaseRestoreRecord(Schema):
    """A backup that was put in the place of the database."""

    database: str
    kept: str | None = Field(description="the new name of the file that was there before; null if there was none")
    still_revoked: list[str] = Field(description="names of tokens that are valid in the backup, but were revoked since")
    maybe_revoked: list[str] = Field(
        description="names of the valid tokens that the file that was there does not have, so that they may have been "
        "revoked since; those of all valid tokens if there was no file, or one that cannot be read"
    )

    @classmethod
    def of(cls, database: str, done: Restored) -> DatabaseRestoreRecord:
        """What `restore` did."""
        return cls(
            database=database,
            kept=str(done.kept) if done.kept else None,
            still_revoked=list(done.still_revoked),
            maybe_revoked=list(done.maybe_revoked),
        )
