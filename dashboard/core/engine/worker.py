"""The interface of a worker, and the exception that says how a worker ended."""

from __future__ import annotations

from typing import Any, Protocol

from dashboard.core.engine.contract import OUT_OF_MEMORY
from dashboard.core.shell import set_variable

LACKS_INSTRUCTIONS = (
    "this processor lacks instructions that the installed TensorFlow was built for, such as AVX",
    "Run the dashboard on a machine whose processor has AVX (`grep -c avx /proc/cpuinfo` is not 0 there), or install a "
    "TensorFlow that was built for this one.",
)  # why SIGILL ended a worker, and the way out


_FEWER = f"more memory, or use one worker: `{set_variable('DASHBOARD_WORKERS', 1)}`, then restart the dashboard."


def why_killed(how: str) -> tuple[str, str]:
    """Why SIGKILL ended a worker, as far as it is known, and the way out.

    Args:
        how: what `WorkerDied` says.
    """
    if OUT_OF_MEMORY in how:
        return OUT_OF_MEMORY, f"Give it {_FEWER}"
    return "memory may have run out, or a person or another program killed it", f"If memory ran out: give it {_FEWER}"


class WorkerDied(Exception):
    """The worker process ended or was ended. The text completes "The worker process ..."."""

    def __init__(self, how: str, begun: bool = False, overran: bool = False, signal: str | None = None) -> None:
        super().__init__(how)
        self.begun = begun  # the task had begun, so it may be the cause
        self.overran = overran  # we ended the worker because it took too long
        self.signal = signal  # name of the signal that ended the worker; None if there was none, or if we sent it

    @property
    def killed(self) -> bool:
        """True if a person killed the worker, or the system did because memory ran out."""
        return self.signal == "SIGKILL"


class Worker(Protocol):
    """A process, on this machine or on a cluster, that does one task at a time."""

    @property
    def pid(self) -> int:
        """The process id, also after the process has ended."""

    @property
    def alive(self) -> bool:
        """True unless the process is known to have ended."""

    def how_it_ended(self) -> str:
        """Why a worker that is not alive has ended; completes "The worker process ..."."""

    @property
    def memory_bytes(self) -> int | None:
        """Resident memory; None if unknown."""

    def wait_until_ready(self, limit_s: float) -> None:
        """Waits until the worker has started. Raises WorkerDied if it ends or takes too long."""

    def run(self, task: str, args: tuple[Any, ...], limit_s: float) -> Any:
        """The task's result. Raises the task's own error, or WorkerDied."""

    def kill(self, grace_s: float = 0.0) -> None:
        """Ends the worker unless it ends within the grace period."""

    def close(self) -> None:
        """Ends the worker and frees its resources in this process."""
