"""JSON of the audit log."""

from __future__ import annotations

from pydantic import Field

from dashboard.core.access.audit import AuditEntry
from dashboard.schemas.schema import Schema


class AuditRecord(Schema):
    """One act."""

    audit_id: str
    time_utc: str = Field(description="ISO 8601")
    user: str = Field(
        description="e-mail, token, account on the machine of the server, or password for the shared one; empty if unknown"
    )
    action: str = Field(description="such as login, login.failed, token.created or evaluation.deleted")
    subject: str = Field(description="what it was done to")
    detail: str

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditRecord:
        """The record of an act."""
        return cls(**{**vars(entry), "time_utc": entry.time_utc.isoformat(timespec="seconds")})
