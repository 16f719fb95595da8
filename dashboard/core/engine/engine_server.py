"""Offers an engine's workers to the command lines of the same user on this machine, through a socket."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from queue import SimpleQueue

from dashboard.core.engine.contract import Engine, was_closed
from dashboard.core.engine.socket_path import fingerprint, hang_up, socket_path
from dashboard.core.errors import WorkerError
from dashboard.core.settings import Settings

_Answer = tuple[int, Future[object]]  # the number that the command gave the task


class EngineServer:
    """Listens on a Unix socket until it is closed. Only the user who owns the socket's folder can reach it."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        """Does not listen yet."""
        self._engine, self._settings = engine, settings
        self._fingerprint = ""
        self._listener: Listener | None = None
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._closed = False

    def start(self) -> None:
        """Listens, unless another dashboard does so for the same data folder, or there is no safe place for a socket."""
        path = socket_path(self._settings)
        if path is None or _answers(path):
            return
        self._fingerprint = fingerprint(self._settings)
        with contextlib.suppress(OSError):  # the path is too long; commands use workers of their own
            path.unlink(missing_ok=True)  # left behind by a dashboard that was killed
            self._listener = Listener(str(path), "AF_UNIX")
            threading.Thread(target=self._accept, args=(self._listener,), name="engine-server", daemon=True).start()

    def close(self) -> None:
        """Takes no more connections and ends all there are, so that each command goes on with workers of its own."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.close()
        with self._lock:
            self._closed = True
            for connection in self._connections:
                hang_up(connection)

    def _accept(self, listener: Listener) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                threading.Thread(target=self._keep, args=(listener.accept(),), name="command", daemon=True).start()

    def _keep(self, connection: Connection) -> None:
        """Serves one command until it closes its connection or this server is closed."""
        with self._lock:
            self._connections.add(connection)
            if self._closed:
                hang_up(connection)
        try:
            with contextlib.suppress(EOFError, OSError):
                self._serve(connection)
        finally:
            with self._lock:
                self._connections.remove(connection)
                connection.close()

    def _serve(self, connection: Connection) -> None:
        """Serves one command. Raises EOFError or OSError when the connection ends."""
        fits = connection.recv() == self._fingerprint
        connection.send(self._engine.size if fits else 0)
        if not fits:
            return
        waiting: set[Future[object]] = set()
        answers: SimpleQueue[_Answer | None] = SimpleQueue()
        sender = threading.Thread(target=_send, args=(connection, answers), name="command-answers", daemon=True)
        sender.start()

        def done(number: int, future: Future[object]) -> None:
            # only queued: this is a worker's thread, and sending waits for a command that is stopped
            waiting.discard(future)
            answers.put((number, future))

        try:
            while True:
                number, task, args, options = connection.recv()
                try:
                    future = self._engine.submit(task, *args, **options)
                except WorkerError:  # the engine is closed
                    return
                waiting.add(future)
                future.add_done_callback(partial(done, number))
        finally:
            for future in list(waiting):
                future.cancel()
            hang_up(connection)  # the sender may wait for a command that does not read
            answers.put(None)
            sender.join()


def _send(connection: Connection, answers: SimpleQueue[_Answer | None]) -> None:
    """Sends answers until there is None. Ends the connection if the engine was closed: the command has own workers."""
    with contextlib.suppress(OSError):  # the command has ended
        while answer := answers.get():
            number, future = answer
            if future.cancelled():
                continue
            error = future.exception()
            if was_closed(error):
                break
            connection.send((number, error is None, error or future.result()))
    hang_up(connection)


def _answers(path: Path) -> bool:
    try:
        Client(str(path), "AF_UNIX").close()
    except OSError:
        return False
    return True
