"""The groups of checks: to add one, write a file with its steps and add a row here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dashboard.core.diagnostics import (
    database_checks,
    model_checks,
    package_checks,
    storage_checks,
    tensorflow_checks,
    worker_checks,
)
from dashboard.core.diagnostics.context import CheckContext, Step


@dataclass(frozen=True)
class CheckGroup:
    """Checks that stand under one title."""

    id: str  # as in `Check.group`
    title: str
    steps: Callable[[CheckContext], Iterable[Step]]


# the order in which they are shown; steps on a worker also run in this order
GROUPS = (
    CheckGroup("packages", "Python and packages", package_checks.steps),
    CheckGroup("tensorflow", "TensorFlow", tensorflow_checks.steps),
    CheckGroup("models", "Models", model_checks.steps),
    CheckGroup("workers", "Workers", worker_checks.steps),
    CheckGroup("storage", "Storage", lambda context: [*storage_checks.steps(context), *database_checks.steps(context)]),
)
