"""The engine of a dashboard that runs on this machine, used by another process."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Client, Connection
from typing import Any

from dashboard.core.engine.contract import ATTEMPTS, Engine, WorkerStatus
from dashboard.core.engine.socket_path import fingerprint, hang_up, socket_path
from dashboard.core.engine.system import PipeEnd
from dashboard.core.settings import Settings

ANSWER_S = 1.0  # seconds that a dashboard has to say whether it can help
_Order = tuple[str, tuple[Any, ...], dict[str, Any]]


class RemoteEngine:
    """Sends tasks to the workers of a dashboard. If that ends, own workers do what is left. See `Engine`."""

    def __init__(self, connection: Connection | PipeEnd, size: int, own: Callable[[], Engine]) -> None:
        """See `connect`."""
        self._connection, self._size, self._make_own = connection, size, own
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._pending: dict[int, tuple[Future[Any], _Order]] = {}
        self._own: Engine | None = None
        self._closed = False
        threading.Thread(target=self._receive, name="remote-engine", daemon=True).start()

    @property
    def size(self) -> int:
        """Number of workers."""
        return self._own.size if self._own else self._size

    def start(self) -> None:
        """Does nothing: they have been started."""

    def submit(
        self,
        task: str,
        *args: Any,
        urgent: bool = False,
        slow: bool = False,
        timeout_s: float | None = None,
        attempts: int = ATTEMPTS,
    ) -> Future[Any]:
        """See `Engine`."""
        order = (task, args, {"urgent": urgent, "slow": slow, "timeout_s": timeout_s, "attempts": attempts})
        with self._lock:
            if self._own:
                return self._own.submit(task, *args, urgent=urgent, slow=slow, timeout_s=timeout_s, attempts=attempts)
            number, future = next(self._numbers), Future[Any]()
            self._pending[number] = future, order
            with contextlib.suppress(OSError):  # `_receive` notices it too, and passes the task on
                self._connection.send((number, *order))
        return future

    def workers(self) -> list[WorkerStatus]:
        """None that belong to this process."""
        return self._own.workers() if self._own else []

    def close(self) -> None:
        """Leaves the dashboard, which forgets the tasks that wait."""
        with self._lock:
            self._closed = True
            hang_up(self._connection)
            if self._own:
                self._own.close()

    def _receive(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                number, ok, value = self._connection.recv()
                with self._lock:
                    future, _ = self._pending.pop(number)
                _settle(future, value if ok else None, None if ok else value)
        self._connection.close()
        with self._lock:
            if not self._closed:
                self._own = self._make_own()
                for future, (task, args, options) in self._pending.values():
                    _pass_on(self._own.submit(task, *args, **options), future)


def _settle(future: Future[Any], result: Any, error: BaseException | None) -> None:
    if future.set_running_or_notify_cancel():
        if error:
            future.set_exception(error)
        else:
            future.set_result(result)


def _pass_on(inner: Future[Any], outer: Future[Any]) -> None:
    def done(inner: Future[Any]) -> None:
        error = inner.exception()
        _settle(outer, None if error else inner.result(), error)

    inner.add_done_callback(done)


def connect(settings: Settings, own: Callable[[], Engine]) -> RemoteEngine | None:
    """The engine of the dashboard that runs with this data folder; None if none does, or its answers may differ.

    Args:
        own: makes the engine that goes on if the dashboard ends.
    """
    path = socket_path(settings)
    if path is None or not path.exists():
        return None
    try:
        connection = Client(str(path), "AF_UNIX")
    except OSError:
        return None
    with contextlib.suppress(EOFError, OSError):
        connection.send(fingerprint(settings))
        if connection.poll(ANSWER_S) and (size := connection.recv()):
            return RemoteEngine(connection, size, own)
    connection.close()
    return None
