"""A submitted task and its future."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from dashboard.core.engine.retries import Retries
from dashboard.core.engine.worker import LACKS_INSTRUCTIONS, WorkerDied, why_killed
from dashboard.core.errors import Cancelled, Code, WorkerError


class QueuedTask:
    """A submitted task. Urgent tasks sort before others, then those that should begin earlier."""

    def __init__(
        self, order: tuple[bool, float, int], name: str, args: tuple[Any, ...], timeout_s: float, retries: Retries
    ) -> None:
        self.order, self.name, self.args, self.timeout_s, self.retries = order, name, args, timeout_s, retries
        self.future: Future[Any] = Future()
        self._begun = False

    def __lt__(self, other: QueuedTask) -> bool:
        return self.order < other.order

    def begin(self) -> bool:
        """False if the task was cancelled before it began. A task that was queued again has begun already."""
        self._begun = self._begun or self.future.set_running_or_notify_cancel()
        return self._begun

    def fail(self, death: WorkerDied, code: Code) -> None:
        """Fails the task because of what happened to its worker."""
        how, fix = f"{death}", "Try again. If the error persists, open Diagnostics or run `python -m dashboard doctor`."
        if death.signal == "SIGILL":
            why, fix = LACKS_INSTRUCTIONS
            how = f"{how}: {why}"
        elif death.killed:
            why, more = why_killed(how)
            how, fix = how if why in how else f"{how}: {why}", f"Try again. {more}"
        self.future.set_exception(
            WorkerError(f"The worker process {how}.", fix, code, signal=death.signal, overran=death.overran)
        )

    def abandon(self) -> None:
        """Fails the task because the pool is closed."""
        if self.begin():
            self.future.set_exception(Cancelled("The dashboard is shutting down."))
