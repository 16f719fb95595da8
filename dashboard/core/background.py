"""Long work on a thread of its own that all sessions watch, such as a download or a diagnosis."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from dashboard.core.errors import DashboardError

T = TypeVar("T")


@dataclass(frozen=True)
class TaskState(Generic[T]):
    """The state of a background task, and the result of its last run."""

    active: bool = False
    doing: str = ""  # current step, plain text
    done: int = 0  # in the unit of `total`
    total: int = 0  # 0 while it is not known
    result: T | None = None  # result of the last successful run; None if there was none
    error: DashboardError | None = None  # why the last run failed; None while one is active, or when it succeeded

    @property
    def share(self) -> float:
        """Part of the work that is done, in [0, 1]."""
        return self.done / self.total if self.total else 0.0


class BackgroundTask(Generic[T]):
    """Work that runs at most once at a time, however many sessions start it. Thread-safe."""

    def __init__(self, name: str, work: Callable[[BackgroundTask[T]], T]) -> None:
        """`work` is called with this task and reports its progress with `advance` and `say`, from any thread."""
        self._name, self._work = name, work
        self._lock = threading.Lock()
        self._state: TaskState[T] = TaskState()

    @property
    def state(self) -> TaskState[T]:
        """The state now. It never changes: ask again for the next one."""
        return self._state

    def start(self) -> None:
        """Starts the work unless it is running. Raises RuntimeError when no thread can be started."""
        with self._lock:
            if self._state.active:
                return
            # start the thread first: if that fails, the task must not stay active forever
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
            self._state = TaskState(active=True, doing="Starting", result=self._state.result)

    def advance(self, done: int, total: int) -> None:
        """Reports how much of the work is done."""
        self._report(done=done, total=total)

    def say(self, doing: str) -> None:
        """Reports what is being done."""
        self._report(doing=doing)

    def _report(self, **changes: Any) -> None:
        with self._lock:
            if self._state.active:
                self._state = replace(self._state, **changes)

    def _run(self) -> None:
        result, fault = None, None
        try:
            result = self._work(self)
        except DashboardError as error:
            fault = error
        except Exception as error:  # after any error, the task can be started again
            fault = DashboardError(f"The {self._name} stopped: {type(error).__name__}: {error}.", "Please report this.")
        with self._lock:  # waits until `start` has made the task active
            self._state = TaskState(result=self._state.result if fault else result, error=fault)
