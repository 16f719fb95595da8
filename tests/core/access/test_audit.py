from __future__ import annotations

from dashboard.core.access.audit import AuditLog
from dashboard.core.database.database import Database


def test_the_log_tells_who_did_what_newest_first(database: Database) -> None:
    log = AuditLog(database)
    entries = [log.write("ann", "token.created", f"token {i}", "for \0 and \ud800") for i in range(5)]
    found = log.list(2)
    assert found == sorted(entries, key=lambda entry: entry.audit_id, reverse=True)[:2]
    assert len(log.list(10, before=found[-1].audit_id)) == 3
    assert found[0].time_utc.tzinfo is not None and found[0].detail == "for \ufffd and \ufffd"
