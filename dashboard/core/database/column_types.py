"""The types of columns. SQLite keeps any value in any column, so a damaged file may hold other ones than were stored.

These are told as damage when they are read, and never reach anybody who expects a text or a number.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Float, Integer, LargeBinary, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

_LONGEST_SHOWN = 40  # characters of a value in a message


class UnreadableValueError(sqlite3.DatabaseError):
    """A stored value is none of its column."""


class CheckedType(TypeDecorator[Any]):
    """A type whose stored values are checked when they are read from SQLite."""

    impl: Any = Text  # replaced in each object
    cache_ok = True
    place = ""  # TABLE.COLUMN, for messages

    def __init__(self, stored: TypeEngine[Any], fits: Callable[[Any], bool]) -> None:
        """`fits` tells of a stored value, as SQLite gives it, whether it may stand in the column."""
        super().__init__()
        self.impl, self.fits = stored, fits

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any] | None:
        """What makes a value of Python from a stored one. It raises UnreadableValueError."""
        made = super().result_processor(dialect, coltype)
        if dialect.name != "sqlite":
            return made

        def checked(value: Any) -> Any:
            if value is None:
                return None
            try:
                if self.fits(value):
                    return value if made is None else made(value)
            except (TypeError, ValueError, RecursionError):
                pass
            raise UnreadableValueError(
                f"{self.place} holds {str(value)[:_LONGEST_SHOWN]!r}, which was never stored there"
            )

        return checked


class UtcTime(CheckedType):
    """A moment with a time zone. SQLite keeps it as text without one, in UTC."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(DateTime(timezone=True), _is_text)

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The moment as it is stored."""
        if value is None:
            return None
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The stored moment, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


class LabelProbabilities(CheckedType):
    """Pairs of a label and its probability, stored as JSON."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(JSON(), _is_text)

    def process_result_value(self, value: Any, dialect: Any) -> tuple[tuple[str, float], ...] | None:
        """The stored pairs. Raises ValueError or TypeError if they are none."""
        pairs = tuple((label, probability) for label, probability in value)
        if not all(isinstance(label, str) and _is_number(probability) for label, probability in pairs):
            raise ValueError
        return pairs


class Content(CheckedType):
    """The bytes of a file."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(LargeBinary(), _is_bytes)


def words(length: int | None = None) -> CheckedType:
    """A text of at most so many characters; None: of any length."""
    return CheckedType(String(length) if length else Text(), _is_text)


def record_id() -> CheckedType:
    """An id, which is compared byte by byte, whatever the language of the server is."""
    return CheckedType(String(32).with_variant(String(32, collation="C"), "postgresql"), _is_text)


def number() -> CheckedType:
    """A finite number."""
    return CheckedType(Float(), _is_number)


def flag() -> CheckedType:
    """True or False."""
    return CheckedType(Boolean(), _is_flag)


def size() -> CheckedType:
    """A number of bytes."""
    return CheckedType(BigInteger().with_variant(Integer(), "sqlite"), _is_size)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and math.isfinite(value)


def _is_flag(value: Any) -> bool:
    return value in (0, 1)


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes)


def _is_size(value: Any) -> bool:
    return isinstance(value, int)
