"""The groups of checks: to add one, write a file with its checks and add a row here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dashboard.core.diagnostics import (
    model_checks,
    package_checks,
    storage_checks,
    tensorflow_checks,
    worker_checks,
)
from dashboard.core.diagnostics.checks import Check
from dashboard.core.diagnostics.context import CheckContext


@dataclass(frozen=True)
class CheckGroup:
    """Checks that stand under one title."""

    id: str  # as in `Check.group`
    title: str
    doing: str  # shown while the checks run, plain text
    checks: Callable[[CheckContext], Iterable[Check]]


# the order in which they run and are shown
GROUPS = (
    CheckGroup("packages", "Python and packages", "Looking at the installed packages", package_checks.checks),
    CheckGroup(
        tensorflow_checks.GROUP,
        "TensorFlow",
        "Waiting for TensorFlow in a worker process (about 5 s after a start)",
        tensorflow_checks.checks,
    ),
    CheckGroup("models", "Models", "Looking at the models", model_checks.checks),
    CheckGroup("workers", "Workers", "Looking at the workers", worker_checks.checks),
    CheckGroup("storage", "Storage", "Looking at the storage", storage_checks.checks),
)
