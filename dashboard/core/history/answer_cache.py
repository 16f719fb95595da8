"""Answers that were given before: the same image, the same model and the same question need no second computation.

A stored answer is used only if its checksum is right. Everything that an answer depends on is in its key.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from dashboard.core.database.database import Database
from dashboard.core.database.ids import now_utc
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.errors import DatabaseError, DependencyError
from dashboard.core.models.version import ModelFile, ModelVersion

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FORMAT = 3  # change it when the same question gets other answers
_COMPUTE = ("tensorflow", "keras", "numpy", "pillow", "pillow-heif", "simplejpeg", "opencv-python-headless", "scipy")
_PAUSE_S = 30.0  # how long nothing is looked up after the database failed, since users wait meanwhile
_ROW_BYTES = 300  # that a row needs besides its value
_USE_NOTED_EACH = timedelta(minutes=1)
_EVICTED_AT_ONCE = 200
_KEPT_WHEN_FULL = 0.9  # share of the limit that is left after the oldest answers were deleted
_COUNTED_EACH = 1000  # writes after which the size is counted again, since other processes write too


@dataclass(frozen=True)
class CacheFigures:
    """How often the store of answers helped, in this process."""

    hits: int
    misses: int
    damaged: int  # answers whose checksum was wrong; they were not used


def answer_keys(version: ModelVersion, images_sha256: Sequence[str], question: Mapping[str, str]) -> list[str]:
    """For each image, the hex digest of everything that its answer depends on.

    Args:
        images_sha256: of the bytes of each image file.
        question: what is asked, such as kind, precision, method, layer and target, but not how the answer is shown.
    """
    serving = ModelFile.of(version).model_dump(mode="json", exclude={"metrics", "provenance"})
    parts = [_FORMAT, _versions(), version.ref, serving, sorted(question.items())]
    common = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return [hashlib.sha256(f"{common}{image}".encode()).hexdigest() for image in images_sha256]


class AnswerCache:
    """A store of answers of limited size; the least recently used ones are deleted. Thread-safe.

    If the database cannot be used, nothing is found and nothing is stored.
    """

    def __init__(self, database: Database, writer: WriteBehind, limit_mb: int) -> None:
        self._database, self._writer, self._limit_bytes = database, writer, limit_mb * 2**20
        self._lock = threading.Lock()
        self._hits = self._misses = self._damaged = 0
        self._size_bytes: int | None = None  # None: not counted yet
        self._written = 0
        self._paused_until = 0.0

    @property
    def figures(self) -> CacheFigures:
        """How often it helped."""
        return CacheFigures(self._hits, self._misses, self._damaged)

    def size_bytes(self) -> int:
        """The size of all stored answers. Raises DatabaseError or DependencyError if the database cannot be used."""
        with self._database.reading() as connection:
            return _counted(connection)

    def get(self, key: str) -> bytes | None:
        """The stored answer with this key; None if there is none. Never raises."""
        writer_tries = self._writer.waiting and self._writer.last_error  # so that nobody here has to wait for a try
        if not self._limit_bytes or writer_tries or time.monotonic() < self._paused_until:
            return None
        from dashboard.core.database.tables import cached_answers

        row, is_damaged = None, False
        try:
            with self._database.reading() as connection:
                row = connection.execute(
                    cached_answers.select().where(cached_answers.c.answer_key == key)
                ).one_or_none()
        except DatabaseError as error:
            is_damaged = error.only_a_value
            if not is_damaged:
                self._paused_until = time.monotonic() + _PAUSE_S
        except DependencyError:
            self._paused_until = time.monotonic() + _PAUSE_S
        if row is not None and hashlib.sha256(row.value).hexdigest() != row.value_sha256:
            row, is_damaged = None, True
        with self._lock:
            self._damaged += is_damaged
            self._hits += row is not None
            self._misses += row is None
        if is_damaged:
            self._writer.put(_delete, key)
        if row is None:
            return None
        now = now_utc()
        if row.used_utc < now - _USE_NOTED_EACH:
            self._writer.put(_note_use, (key, now))
        return bytes(row.value)

    def put(self, key: str, value: bytes) -> None:
        """Stores an answer soon. Never raises."""
        if self._limit_bytes and len(value) + _ROW_BYTES <= self._limit_bytes:
            self._writer.put(self._write, (key, value), len(value))

    def _write(self, connection: Connection, answers: Sequence[tuple[str, bytes]]) -> None:
        from dashboard.core.database.tables import cached_answers

        now = now_utc()
        for key, value in answers:
            connection.execute(cached_answers.delete().where(cached_answers.c.answer_key == key))
            row = {
                "answer_key": key,
                "value": value,
                "value_sha256": hashlib.sha256(value).hexdigest(),
                "size_bytes": len(value) + _ROW_BYTES,
                "used_utc": now,
            }
            connection.execute(cached_answers.insert().values(row))
        self._written += len(answers)
        if self._size_bytes is None or self._written >= _COUNTED_EACH:
            self._size_bytes, self._written = _counted(connection), 0
        else:
            self._size_bytes += sum(len(value) + _ROW_BYTES for _, value in answers)
        if self._size_bytes > self._limit_bytes:
            self._size_bytes = _evict(connection, round(self._limit_bytes * _KEPT_WHEN_FULL))


@lru_cache
def _versions() -> list[str]:
    """Of the packages that compute answers: another version may round differently."""
    found = []
    for name in _COMPUTE:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(name)
    return found


def _counted(connection: Connection) -> int:
    from sqlalchemy import func, select

    from dashboard.core.database.tables import cached_answers

    return int(connection.execute(select(func.coalesce(func.sum(cached_answers.c.size_bytes), 0))).scalar_one())


def _evict(connection: Connection, goal_bytes: int) -> int:
    """Deletes the least recently used answers until the others need at most `goal_bytes`. Returns their size."""
    from sqlalchemy import select

    from dashboard.core.database.tables import cached_answers

    size, c = _counted(connection), cached_answers.c
    while size > goal_bytes:
        oldest = connection.execute(
            select(c.answer_key, c.size_bytes).order_by(c.used_utc).limit(_EVICTED_AT_ONCE)
        ).all()
        for row in oldest:
            if size <= goal_bytes:
                break
            connection.execute(cached_answers.delete().where(c.answer_key == row.answer_key))
            size -= row.size_bytes
    return size


def _note_use(connection: Connection, uses: Sequence[tuple[str, datetime]]) -> None:
    from dashboard.core.database.tables import cached_answers

    for key, used_utc in uses:
        connection.execute(cached_answers.update().where(cached_answers.c.answer_key == key).values(used_utc=used_utc))


def _delete(connection: Connection, keys: Sequence[Any]) -> None:
    from dashboard.core.database.tables import cached_answers

    connection.execute(cached_answers.delete().where(cached_answers.c.answer_key.in_(keys)))
