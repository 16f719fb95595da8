"""Times in UTC."""

from __future__ import annotations

from datetime import datetime, timezone


def utc_now() -> str:
    """Now, ISO 8601, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def utc_in_words(iso: str) -> str:
    """An ISO 8601 time stamp as people read it, such as "29 Nov 2026, 23:39 UTC"."""
    return f"{datetime.fromisoformat(iso).astimezone(timezone.utc):%d %b %Y, %H:%M} UTC"
