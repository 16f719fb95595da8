"""The interface of an engine: its workers are processes on this machine, or run on a cluster."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from dashboard.core.errors import Cancelled

ATTEMPTS = 2
YIELDS_S = 2.0
OUT_OF_MEMORY = "memory ran out"  # in the fault of a worker that the system killed for this reason
TOO_SLOW = "did not answer within"  # begins the fault of a worker that was ended because it took too long
IMPORTING = "importing TensorFlow"  # in the fault of a worker that ended while it started


@dataclass(frozen=True)
class WorkerStatus:
    """The state of one worker process."""

    slot: int
    state: str  # "starting", "idle", "busy", "died" (not replaced yet) or "failed" (it did not start)
    pid: int | None
    memory_bytes: int | None  # resident
    restarts: int
    tasks_done: int
    fault: str  # why it last ended, completes "It ..."; "" if it never did
    died_utc: str = ""  # when it last ended, ISO 8601
    doing: str = ""  # what it is busy with, such as "predicting images"


class Engine(Protocol):
    """Runs functions of `dashboard.worker.tasks` outside this process. A task may run twice, which must do no harm."""

    @property
    def size(self) -> int:
        """Number of workers, whatever their state."""

    def submit(
        self,
        task: str,
        *args: Any,
        urgent: bool = False,
        slow: bool = False,
        timeout_s: float | None = None,
        attempts: int = ATTEMPTS,
    ) -> Future[Any]:
        """Runs the task named `task`.

        Args:
            urgent: run before all waiting tasks that are not, because a person is waiting for the answer.
            slow: it may need a second or more, so urgent tasks of a moment go before it if they arrive within `YIELDS_S`.
            timeout_s: seconds after which the worker is killed and the task is tried again.
            attempts: how often the task may be tried if it ends its worker, see `Retries`.

        Returns:
            A future that fails with the task's own DashboardError, or with a WorkerError whose code `Retries` explains.
        """

    def start(self) -> None:
        """Starts the workers in the background, if they have not been started yet."""

    def workers(self) -> list[WorkerStatus]:
        """The state of every worker."""

    def close(self) -> None:
        """Ends all workers. Tasks that wait or run fail with Cancelled."""


def was_closed(error: BaseException | None) -> bool:
    """True if a task failed because its engine was closed, so that it can be done by another engine."""
    return isinstance(error, Cancelled) or getattr(error, "code", "") == "engine_closed"
