"""What the pool asks of a worker, and the exception that tells how one ended."""

from __future__ import annotations

from typing import Any, Protocol


class WorkerDied(Exception):
    """The worker process ended or was ended. The text completes "The worker process ..."."""

    def __init__(self, how: str, begun: bool = False, overran: bool = False, signal: str | None = None) -> None:
        super().__init__(how)
        self.begun = begun  # the task had begun, so it may be the cause
        self.overran = overran  # we ended the worker because it took too long
        self.signal = signal  # name of the signal that ended it; None when none did, or when we sent it ourselves

    @property
    def killed(self) -> bool:
        """True if somebody else killed it: a person, or the system because memory ran out."""
        return self.signal == "SIGKILL"


class Worker(Protocol):
    """A process, here or elsewhere, that does one task at a time."""

    @property
    def pid(self) -> int:
        """Of the process, also after it has ended."""

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""

    @property
    def memory_bytes(self) -> int | None:
        """Resident; None when it is not known."""

    def wait_until_ready(self, limit_s: float) -> None:
        """Raises WorkerDied when it ends, or takes too long, while it starts."""

    def run(self, task: str, args: tuple[Any, ...], limit_s: float) -> Any:
        """The task's result. Raises the task's own error, or WorkerDied."""

    def kill(self, grace_s: float = 0.0) -> None:
        """Ends it, if it does not end by itself within the grace."""

    def close(self) -> None:
        """Ends it and frees what it held here."""
