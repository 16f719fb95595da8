"""An engine without processes, for tests of the store: it answers on the caller's thread with the tasks of tests."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from dashboard.core.engine.contract import WorkerStatus
from tests.worker.hostile_worker import TASKS


class LocalEngine:
    """See `Engine`."""

    size = 1

    def submit(self, task: str, *arguments: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(TASKS[task](*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def start(self) -> None: ...

    def workers(self) -> list[WorkerStatus]:
        return []

    def close(self) -> None: ...
