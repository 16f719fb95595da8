"""Offers an engine's workers to the command lines of the same user on this machine, through a socket."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from dashboard.core.engine.contract import Engine
from dashboard.core.engine.socket_path import fingerprint, socket_path
from dashboard.core.errors import DashboardError, WorkerError
from dashboard.core.settings import Settings


class EngineServer:
    """Listens on a Unix socket until it is closed. Only the user who owns the socket's folder can reach it."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        """Does not listen yet."""
        self._engine, self._settings = engine, settings
        self._fingerprint = ""
        self._listener: Listener | None = None

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
        """Takes no more connections."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.close()

    def _accept(self, listener: Listener) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                threading.Thread(target=self._serve, args=(listener.accept(),), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        """Serves one command until it closes its connection."""
        waiting: set[Future[object]] = set()
        sending = threading.Lock()

        def answer(number: int, future: Future[object]) -> None:
            waiting.discard(future)
            if not future.cancelled():
                with contextlib.suppress(OSError), sending:  # the command may have ended
                    connection.send((number, *_outcome(future)))

        with connection, contextlib.suppress(EOFError, OSError):
            fits = connection.recv() == self._fingerprint
            connection.send(self._engine.size if fits else 0)
            while fits:
                number, task, args, options = connection.recv()
                future = self._engine.submit(task, *args, **options)
                waiting.add(future)
                future.add_done_callback(partial(answer, number))
        for future in list(waiting):
            future.cancel()


def _outcome(future: Future[object]) -> tuple[bool, object]:
    try:
        return True, future.result()
    except DashboardError as error:
        return False, error
    except BaseException as error:  # Cancelled, when the engine is closed
        return False, WorkerError(str(error), "Restart the dashboard.", "engine_closed")


def _answers(path: Path) -> bool:
    try:
        Client(str(path), "AF_UNIX").close()
    except OSError:
        return False
    return True
