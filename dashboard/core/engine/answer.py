"""What a worker answers: the result of a task, or what went wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dashboard.core.errors import DashboardError, WorkerError


def answer(tasks: Mapping[str, Callable[..., Any]], task: str, args: tuple[Any, ...]) -> tuple[bool, Any]:
    """(True, result) or (False, DashboardError).

    Whatever else a task raises is told to the caller as a WorkerError with the code `out_of_memory` or `task_failed`;
    the worker itself is fine.
    """
    try:
        return True, tasks[task](*args)
    except DashboardError as error:
        return False, error
    except Exception as error:
        code = "out_of_memory" if is_out_of_memory(error) else "task_failed"
        return False, WorkerError(f"{task} failed: {type(error).__name__}: {error}.", code=code)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether Python, NumPy or TensorFlow could not get the memory it asked for."""
    # Keras reports NumPy's MemoryError, met while it fills in weights, as text in a ValueError
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "Unable to allocate" in str(error)
    )
