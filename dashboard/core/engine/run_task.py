"""Runs a task inside a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dashboard.core.errors import Code, DashboardError, WorkerError


def run_task(tasks: Mapping[str, Callable[..., Any]], task: str, args: tuple[Any, ...]) -> tuple[bool, Any]:
    """Calls the task of that name and gives (True, result) or (False, DashboardError).

    Any other exception of the task becomes a WorkerError with the code `out_of_memory` or `task_failed`; the worker
    itself goes on.
    """
    try:
        return True, tasks[task](*args)
    except DashboardError as error:
        return False, error
    except Exception as error:
        code: Code = "out_of_memory" if is_out_of_memory(error) else "task_failed"
        return False, WorkerError(f"{task} failed: {type(error).__name__}: {error}.", code=code)


def is_out_of_memory(error: BaseException | None) -> bool:
    """True if Python, NumPy or TensorFlow did not get the memory it asked for."""
    # while Keras loads weights, it reports NumPy's MemoryError as text in a ValueError
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "Unable to allocate" in str(error)
    )
