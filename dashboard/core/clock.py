"""UTC, to the second."""

from __future__ import annotations

from datetime import datetime, timezone


def utc_now() -> str:
    """Now, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
