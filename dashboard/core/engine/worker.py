"""What a worker is, and how one dies."""

from __future__ import annotations

from typing import Any, Protocol


class WorkerDied(Exception):
    """The worker process ended or was ended; the text says how."""

    def __init__(self, how: str, begun: bool = False, overran: bool = False, killed: bool = False) -> None:
        super().__init__(how)
        self.begun = begun  # the task had begun, so it may be the cause
        self.overran = overran  # it was ended because it took too long
        self.killed = killed  # somebody else ended it: a person, or the system for want of memory


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
