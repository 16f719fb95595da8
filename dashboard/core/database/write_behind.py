"""Writes records in the background, in batches, so that nobody waits for the database.

What cannot be written now stays in the queue and is tried again. The queue is bounded; what finds no place is counted.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from dashboard.core.database.database import Database
from dashboard.core.errors import DashboardError, DatabaseError, DependencyError, counted

if TYPE_CHECKING:
    from sqlalchemy import Connection

Write = Callable[
    ["Connection", Sequence[Any]], None
]  # writes records that were put; may be called again with the same ones
_LOG = logging.getLogger(__name__)
_BATCH = 500  # records a transaction
_COLLECT_S = 0.05  # how long records are collected before they are written
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


@dataclass(frozen=True)
class _Item:
    write: Write
    record: Any
    size_bytes: int


class WriteBehind:
    """A queue of records, and the thread that writes them. Thread-safe."""

    def __init__(
        self, database: Database, most: int = 50_000, most_bytes: int = 2**28, log_level: int = logging.WARNING
    ) -> None:
        """
        Args:
            most: records in the queue.
            most_bytes: sum of the `size_bytes` of these records.
            log_level: of the lines in the log that records wait or are lost.
        """
        self._log_level = log_level
        self._database, self._most, self._most_bytes = database, most, most_bytes
        self._changed = threading.Condition()
        self._queue: deque[_Item] = deque()
        self._bytes = 0
        self._thread: threading.Thread | None = None
        self._closed = self._hurry = False
        self._put = self._settled = 0  # records, since the start
        self.written = 0  # records
        self.dropped = 0  # records that found no place in the queue, were refused, or waited when the queue was closed
        self.last_error: DashboardError | None = None  # why the last try failed; None after one that succeeded

    @property
    def waiting(self) -> int:
        """Records that are not written yet."""
        return self._put - self._settled

    def has_place(self, size_bytes: int) -> bool:
        """True if a record of this size would find a place now."""
        with self._changed:
            return self.waiting < self._most and self._bytes + size_bytes <= self._most_bytes

    def put(self, write: Write, record: Any, size_bytes: int = 0) -> bool:
        """Puts a record in the queue and returns at once; False if there is no place for it, or it is closed.

        Args:
            write: is called with a connection and a list of such records, on another thread.
            size_bytes: of the record, if it is large.
        """
        with self._changed:
            if self._closed or self.waiting >= self._most or self._bytes + size_bytes > self._most_bytes:
                self.dropped += 1
                return False
            if self._thread is None and not self._start():
                self.dropped += 1
                return False
            self._queue.append(_Item(write, record, size_bytes))
            self._bytes += size_bytes
            self._put += 1
            self._changed.notify_all()
            return True

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until everything that was put before is written; False if it took longer than `timeout` seconds."""
        with self._changed:
            goal = self._put
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._settled >= goal, timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """Writes what waits, then ends the thread. False if some of it could not be written.

        Args:
            timeout: seconds to wait for a locked file or for a server; a file that cannot be used is not waited for.
        """
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self.waiting or self._is_hopeless(), timeout)
            self._closed = True
            lost = self.waiting
            self.dropped += lost
            self._settled = self._put
            self._queue.clear()
            self._changed.notify_all()
        if lost:
            are = "is" if lost == 1 else "are"
            text = "%s for the database could not be written and %s lost. %s"
            _LOG.log(self._log_level, text, counted(lost, "record"), are, self.last_error or "")
        return not lost

    def _is_hopeless(self) -> bool:
        error = self.last_error
        if error is None or error.code == "database_locked":
            return False
        return error.code != "database_unavailable" or self._database.address.file is not None

    def _start(self) -> bool:
        thread = threading.Thread(target=self._loop, name="database-writer", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the process has as many threads as it may have
            self.last_error = DashboardError(f"Nothing can be written: {error}.", "Restart the dashboard.")
            return False
        self._thread = thread
        return True

    def _loop(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                if len(self._queue) < _BATCH:
                    self._changed.wait_for(lambda: self._hurry or self._closed, _COLLECT_S)
                self._hurry = False
                batch = list(islice(self._queue, _BATCH))
            try:
                self._write(batch)
            except (DatabaseError, DependencyError) as error:
                if self.last_error is None:  # the first of several failures
                    _LOG.log(self._log_level, "Records wait for the database. %s", error)
                with self._changed:
                    self.last_error = error
                    self._changed.notify_all()
                    if self._closed:
                        return
                    self._changed.wait_for(lambda: self._closed, pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                pause_s = _FIRST_PAUSE_S

    def _write(self, batch: Sequence[_Item]) -> None:
        """Writes the records, or all that the database does not refuse. Raises DatabaseError, DependencyError."""
        try:
            self._write_together(batch)
        except (DatabaseError, DependencyError) as error:
            if not getattr(error, "rows_refused", False):
                raise
        except Exception as error:  # a fault of ours must not end the thread, nor hold up the other records
            self.last_error = _bug(error)
        else:
            with self._changed:
                self.written += len(batch)
                self.last_error = None
            self._settle(batch)
            return
        for item in batch:
            self._write_alone(item)
            self._settle([item])

    def _write_alone(self, item: _Item) -> None:
        try:
            self._write_together([item])
        except (DatabaseError, DependencyError) as error:
            if not getattr(error, "rows_refused", False):
                raise
            self._refused(error)
        except Exception as error:
            self._refused(_bug(error))
        else:
            with self._changed:
                self.written += 1

    def _refused(self, error: DashboardError) -> None:
        with self._changed:
            self.dropped += 1
            self.last_error = error

    def _write_together(self, batch: Sequence[_Item]) -> None:
        with self._database.writing() as connection:
            for write, items in groupby(batch, key=lambda item: item.write):
                write(connection, [item.record for item in items])

    def _settle(self, batch: Sequence[_Item]) -> None:
        with self._changed:
            if not self._closed:
                for _ in batch:
                    self._bytes -= self._queue.popleft().size_bytes
                self._settled += len(batch)
                self._changed.notify_all()


def _bug(error: Exception) -> DashboardError:
    return DashboardError(f"A record could not be written: {type(error).__name__}: {error}.", "Please report this.")
