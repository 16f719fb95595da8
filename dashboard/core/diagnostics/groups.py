"""The groups of checks: to add one, write a file with its steps and add a row here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from dashboard.core.diagnostics.context import CheckContext, Step


@dataclass(frozen=True)
class CheckGroup:
    """Checks that stand under one title."""

    id: str  # as in `Check.group`
    title: str
    steps: Callable[[CheckContext], Iterable[Step]]


def _of(*files: str) -> Callable[[CheckContext], list[Step]]:
    """The steps in these files, which are imported late: if that fails, it is a failed check of the group."""

    def steps(context: CheckContext) -> list[Step]:
        return [step for file in files for step in import_module(f"dashboard.core.diagnostics.{file}").steps(context)]

    return steps


# the order in which they are shown; steps on a worker also run in this order
GROUPS = (
    CheckGroup("packages", "Python and packages", _of("package_checks")),
    CheckGroup("tensorflow", "TensorFlow", _of("tensorflow_checks")),
    CheckGroup("models", "Models", _of("model_checks")),
    CheckGroup("workers", "Workers", _of("worker_checks")),
    CheckGroup("storage", "Storage", _of("storage_checks", "database_checks")),
    CheckGroup("settings", "Settings", _of("settings_checks")),
    CheckGroup("login", "Log-in", _of("login_checks")),  # without checks if nobody has to log in
)
