"""The audit log: who did what and when, such as making a token or deleting an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.core.database.database import Database
from dashboard.core.database.ids import new_id, now_utc
from dashboard.core.database.text import storable
from dashboard.core.errors import DashboardError

_LONGEST = 2000  # characters of a text


@dataclass(frozen=True)
class AuditEntry:
    """One act."""

    audit_id: str
    time_utc: datetime
    user: str  # "" if unknown
    action: str  # such as "token.created"
    subject: str  # what it was done to
    detail: str


class AuditLog:
    """The audit log in the database. Every method raises DatabaseError if the database cannot be used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, user: str, action: str, subject: str, detail: str = "") -> AuditEntry:
        """Adds an act. When this returns, it is stored."""
        from dashboard.core.database.tables import audit_log

        now = now_utc()
        texts = (storable(text)[:_LONGEST] for text in (user, action[:64], subject, detail))
        entry = AuditEntry(new_id(now), now, *texts)
        with self._database.writing() as connection:
            connection.execute(audit_log.insert().values(vars(entry)))
        return entry

    def list(self, most: int = 100, before: str = "") -> list[AuditEntry]:
        """Acts, the newest first.

        Args:
            before: only those before the act with this id. Raises DashboardError if there is none.
        """
        from dashboard.core.database.tables import audit_log

        asked = audit_log.select().order_by(audit_log.c.audit_id.desc()).limit(most)
        if before:
            asked = asked.where(audit_log.c.audit_id < before)
        with self._database.reading() as connection:
            if before and not connection.execute(audit_log.select().where(audit_log.c.audit_id == before)).first():
                raise DashboardError(
                    f"The audit log has no entry {before[:64]!r}.",
                    "Give an `audit_id` that `python -m dashboard audit --json` shows.",
                    "cursor",
                )
            return [AuditEntry(**row._mapping) for row in connection.execute(asked)]
