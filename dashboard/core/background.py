"""Long work on a thread of its own that all sessions watch, such as a download or a diagnosis."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from dashboard.core.errors import DashboardError

T = TypeVar("T")


@dataclass(frozen=True)
class TaskState(Generic[T]):
    """How far a background task is."""

    active: bool = False
    doing: str = ""  # what is being done now, plain text
    done: int = 0  # in the unit of `total`
    total: int = 0  # 0 while it is not known
    result: T | None = None  # of the last time that the work succeeded
    error: DashboardError | None = None  # why the last attempt failed; None when it did not

    @property
    def share(self) -> float:
        """Part of the work that is done, in [0, 1]."""
        return self.done / self.total if self.total else 0.0


class BackgroundTask(Generic[T]):
    """Work that runs at most once at a time, however many sessions start it. Thread-safe."""

    def __init__(self, name: str, work: Callable[[BackgroundTask[T]], T]) -> None:
        """`work` is called with this task, to report progress by `advance` and `say`."""
        self._name, self._work = name, work
        self._lock = threading.Lock()
        self._state: TaskState[T] = TaskState()

    @property
    def state(self) -> TaskState[T]:
        """As it is now."""
        return self._state

    def start(self) -> None:
        """Starts the work unless it is running."""
        with self._lock:
            if self._state.active:
                return
            self._state = TaskState(active=True, doing="Starting", result=self._state.result)
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def advance(self, done: int, total: int) -> None:
        """Reports how much of the work is done."""
        self._state = replace(self._state, done=done, total=total)

    def say(self, doing: str) -> None:
        """Reports what is being done."""
        self._state = replace(self._state, doing=doing)

    def _run(self) -> None:
        before = self._state.result
        try:
            self._state = TaskState(result=self._work(self))
        except DashboardError as error:
            self._state = TaskState(result=before, error=error)
        except Exception as error:  # whatever happens, the task must be startable again
            fault = DashboardError(f"The {self._name} stopped: {type(error).__name__}: {error}.", "Please report this.")
            self._state = TaskState(result=before, error=fault)
