"""The database of the dashboard. It is opened when it is first used; SQLAlchemy is imported only then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dashboard.core.database.file_locks import Mark, mark_in_use, writer_lock
from dashboard.core.errors import DatabaseError, DependencyError
from dashboard.core.shell import install_requirements

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Engine, Row, Select

    from dashboard.core.database.address import Address
    from dashboard.core.settings import Settings

_AGAIN_S = 2.0  # after a failure, those who ask within this time get the same answer


class Database:
    """An SQLite file or a PostgreSQL database. All threads of a process share it.

    Every method raises DatabaseError or DependencyError if the database cannot be used; it is tried again later.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.RLock()
        self._one_writer = threading.Lock()
        self._engine: Engine | None = None
        self._opened_file: tuple[int, int] | None = None  # device and inode
        self._in_use: Mark | None = None
        self._held: Mark | None = None
        self._cannot_be_held = False
        self._failed: tuple[float, DatabaseError] | None = None

    @cached_property
    def address(self) -> Address:
        """Where it is. Raises DatabaseError if the settings name no database."""
        try:
            from dashboard.core.database.address import address_of

            return address_of(self._settings)
        except ImportError as error:
            raise DependencyError(
                f"The database needs the package SQLAlchemy, which cannot be imported: {error}.",
                f"Install it with `{install_requirements()}`.",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        from dashboard.core.database.opening import READS

        engine = self._opened()
        with self._told(), engine.connect() as connection, connection.execution_options(**{READS: True}).begin():
            yield connection

    def rows(self, asked: Select[Any], key: Column[str]) -> list[tuple[str, Row[Any] | DatabaseError]]:
        """The rows of an ordered query with their keys. In place of a row with a damaged value stands the error that tells it."""
        from dashboard.core.database.column_types import UnreadableValueError
        from dashboard.core.database.faults import unreadable_value

        found: list[tuple[str, Row[Any] | DatabaseError]] = []
        with self.reading() as connection:
            result = connection.execute(asked)
            while True:
                try:
                    if (row := result.fetchone()) is None:
                        return found
                    found.append((row._mapping[key], row))
                except UnreadableValueError as error:
                    its_key = asked.with_only_columns(key).limit(1).offset(len(found))
                    damaged = connection.execute(its_key).scalar_one()
                    found.append((damaged, unreadable_value(self.address, f"{error} (record {damaged})")))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes are all kept when the block ends, and none after an error. One at a time."""
        from dashboard.core.database.opening import WRITES

        engine = self._opened()
        with self._told(), self._only_writer(), engine.connect() as connection:
            writing = connection.execution_options(**{WRITES: True})
            with writing.begin():
                yield writing

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        """Lets only one writer at a time use an SQLite file. PostgreSQL does this by itself."""
        from dashboard.core.database import faults

        file, wait_s = self.address.file, self._settings.database_lock_s
        if file is None:
            yield
            return
        if not self._one_writer.acquire(timeout=wait_s):
            raise faults.locked(self.address)
        try:
            with ExitStack() as stack:
                try:
                    stack.enter_context(writer_lock(file, wait_s))
                except TimeoutError:
                    raise faults.locked(self.address) from None
                except OSError as error:
                    raise faults.unavailable(self.address, error.strerror or str(error), error) from error
                yield
        finally:
            self._one_writer.release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        from dashboard.core.database.faults import told

        try:
            with told(self.address):
                yield
        except DatabaseError as error:
            if error.code == "database_damaged" and not error.only_a_value:
                self._disconnect()  # it is checked again before it is used again
            raise

    def check_again(self) -> None:
        """Checks an SQLite file as when it is opened, and no longer uses it if it is damaged.

        The open connections may still hold what they read before the damage.
        """
        with self._told(), closing(Database(self._settings)) as fresh, fresh.reading():
            pass

    def hold(self) -> None:
        """Keeps others from replacing an SQLite file until `close`, although it may not be opened yet.

        Raises:
            DatabaseError: another process replaces the file just now.
            OSError: nothing can be written beside the file. It is not tried again.
        """
        from dashboard.core.database import faults
        from dashboard.core.database.address import file_of

        with self._opening:
            if self._held or self._cannot_be_held or not (file := file_of(self._settings)):
                return
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                self._held = mark_in_use(file, self._settings.database_lock_s)
            except TimeoutError:
                raise faults.locked(self.address) from None
            except OSError:
                self._cannot_be_held = True
                raise

    def close(self, patience_s: float = -1) -> None:
        """Closes all connections. The next use opens the database again.

        Args:
            patience_s: seconds to wait for a thread that opens the database; -1: without a limit.
        """
        if not self._opening.acquire(timeout=patience_s):
            return
        try:
            self._disconnect()
            if self._held is not None:
                self._held.close()
                self._held = None
        finally:
            self._opening.release()

    def _disconnect(self) -> None:
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
            if self._in_use is not None:
                self._in_use.close()
            self._engine = self._in_use = self._opened_file = None

    def __del__(self) -> None:
        with suppress(Exception):  # Python may be shutting down
            self.close()

    def _opened(self) -> Engine:
        with self._opening:
            if self._engine is not None and self._opened_file == self._file_now():
                return self._engine
            if self._failed is not None and time.monotonic() < self._failed[0]:
                raise self._failed[1].again()
            self._disconnect()  # the file was moved or replaced
            try:
                self._open()
            except DatabaseError as error:
                self._disconnect()
                self._failed = time.monotonic() + _AGAIN_S, error
                raise
            assert self._engine is not None
            return self._engine

    def _open(self) -> None:
        from dashboard.core.database import faults
        from dashboard.core.database.opening import open_engine

        address, wait_s = self.address, self._settings.database_lock_s
        try:
            with faults.told(address):
                if address.file:
                    address.file.parent.mkdir(parents=True, exist_ok=True)
                    self._in_use = mark_in_use(address.file, wait_s)
                self._engine = open_engine(address, wait_s)
        except TimeoutError:
            raise faults.locked(address) from None
        except OSError as error:
            raise faults.unavailable(address, error.strerror or str(error), error) from error
        self._opened_file = self._file_now()

    def changes(self) -> tuple[int, ...]:
        """Another value after any process has changed an SQLite file; always () for a PostgreSQL server."""
        found: list[int] = []
        if file := self.address.file:
            for path in (file, file.with_name(f"{file.name}-wal")):
                with suppress(OSError):
                    state = path.stat()
                    found += state.st_ino, state.st_size, state.st_mtime_ns
        return tuple(found)

    def _file_now(self) -> tuple[int, int] | None:
        file = self.address.file
        with suppress(OSError):
            if file is not None:
                found = file.stat()
                return found.st_dev, found.st_ino
        return None
