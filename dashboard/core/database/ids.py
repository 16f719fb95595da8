"""Ids of records that sort by time: 12 hex digits of milliseconds since 1970, then 20 random ones."""

from __future__ import annotations

import secrets
from datetime import datetime, timezone

_TIME_DIGITS, _DIGITS = 12, 32


def now_utc() -> datetime:
    """Now, with the time zone UTC."""
    return datetime.now(timezone.utc)


def new_id(time_utc: datetime) -> str:
    """A new id for a record of this moment, 32 hex digits. Nobody can guess it."""
    return id_time(time_utc) + secrets.token_hex((_DIGITS - _TIME_DIGITS) // 2)


def id_time(time_utc: datetime) -> str:
    """The beginning of all ids of this millisecond: ids of earlier moments are smaller, all others are larger."""
    milliseconds = round(time_utc.timestamp() * 1000)
    return f"{min(max(milliseconds, 0), 16**_TIME_DIGITS - 1):0{_TIME_DIGITS}x}"


def first_id(time_utc: datetime) -> str:
    """The smallest id of this moment."""
    return id_time(time_utc).ljust(_DIGITS, "0")
