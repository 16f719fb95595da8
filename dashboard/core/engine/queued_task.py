"""A task in the queue, and when it is given up."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from dashboard.core.engine.worker import WorkerDied
from dashboard.core.errors import Cancelled, WorkerError

REFUSALS = 2  # a task that waits while no worker can be started this often is refused

LOSSES = 5  # a task whose worker is gone before it begins, this often, is given up


class QueuedTask:
    """A submitted task. Sorted by urgency, then by arrival."""

    def __init__(
        self, order: tuple[bool, int], task: str, args: tuple[Any, ...], timeout_s: float, attempts: int
    ) -> None:
        self.order, self.task, self.args, self.timeout_s, self.attempts = order, task, args, timeout_s, attempts
        self.future: Future[Any] = Future()
        self.deaths = self.losses = self.refusals = 0
        self.urgent = not order[0]
        self._begun = False
        self._troubled_at: float | None = None

    def __lt__(self, other: QueuedTask) -> bool:
        return self.order < other.order

    def begin(self) -> bool:
        """False when it was cancelled before; one that comes back to the queue has begun already."""
        self._begun = self._begun or self.future.set_running_or_notify_cancel()
        return self._begun

    def can_wait(self, death: WorkerDied, patience_s: float) -> bool:
        """It need not be given up yet: it is no hurry, and workers that others kill may be left alone again."""
        self._troubled_at = self._troubled_at or time.monotonic()
        return death.killed and not self.urgent and time.monotonic() - self._troubled_at < patience_s

    def fail(self, reason: str, code: str) -> None:
        """Ends it: its worker `reason`."""
        fix = "Try again; if it stays so, open Diagnostics or run `python -m dashboard doctor`."
        self.future.set_exception(WorkerError(f"The worker process {reason}.", fix, code))

    def abandon(self) -> None:
        """Fails it, because the pool is closed."""
        if self.begin():
            self.future.set_exception(Cancelled("The dashboard is shutting down."))
