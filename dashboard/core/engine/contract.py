"""Where heavy work is done: `submit` a task by name, get a future. Embedded here; a cluster fills the same protocol."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

ATTEMPTS = 2


@dataclass(frozen=True)
class WorkerStatus:
    """One worker process as seen from outside."""

    slot: int
    state: str  # "starting", "idle", "busy", "failed"
    pid: int | None
    memory_bytes: int | None  # resident
    restarts: int
    tasks_done: int
    fault: str  # why it last died, "" if it never did


class Engine(Protocol):
    """Runs functions of `dashboard.worker.tasks` outside this process. A task may be run twice, so it must not matter."""

    def submit(
        self, task: str, *args: Any, urgent: bool = False, timeout_s: float | None = None, attempts: int = ATTEMPTS
    ) -> Future[Any]:
        """Runs the task named `task`.

        Args:
            urgent: go before everything that waits, for a person is looking.
            timeout_s: after which the worker is killed and the task tried once more.

        Returns:
            A future that fails with the task's own DashboardError, or with WorkerError when its worker died each time;
            that has the code `worker_unavailable` when no worker could be started, `worker_lost` when they ended before the
            task began.
        """

    def start(self) -> None:
        """Starts the workers in the background, if they have not been started yet."""

    def workers(self) -> list[WorkerStatus]:
        """The state of every worker."""

    def close(self) -> None:
        """Ends all workers; what waits or runs fails with Cancelled."""
