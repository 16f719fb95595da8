"""Runs a task inside a worker."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from dashboard.core.engine.task_words import in_words
from dashboard.core.errors import Code, DashboardError, WorkerError
from dashboard.core.files import disk_is_full, how_to_write_again, is_full


def run_task(tasks: Mapping[str, Callable[..., Any]], task: str, args: tuple[Any, ...]) -> tuple[bool, Any]:
    """Calls the task of that name and gives (True, result) or (False, DashboardError).

    A full disk becomes a DashboardError with the code `storage`, any other exception of the task a WorkerError with the
    code `out_of_memory` or `task_failed`; the worker itself goes on.
    """
    try:
        return True, tasks[task](*args)
    except DashboardError as error:
        return False, error
    except Exception as error:
        if isinstance(error, OSError) and is_full(error):
            return False, _cannot_write(task, error)
        code: Code = "out_of_memory" if is_out_of_memory(error) else "task_failed"
        return False, WorkerError(f"{task} failed: {type(error).__name__}: {error}.", code=code)


def _cannot_write(task: str, error: OSError) -> DashboardError:
    place = error.filename or f"a temporary file in {tempfile.gettempdir()}"
    elsewhere = ", or set TMPDIR to a folder on another disk" if disk_is_full(error) else ""
    return DashboardError(
        f"A worker could not write {place} while it was {in_words(task)}: {error.strerror}.",
        f"{how_to_write_again(error)}{elsewhere}, then start the dashboard again.",
        "storage",
    )


def is_out_of_memory(error: BaseException | None) -> bool:
    """True if Python, NumPy or TensorFlow did not get the memory it asked for."""
    # while Keras loads weights, it reports NumPy's MemoryError as text in a ValueError
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "Unable to allocate" in str(error)
    )
