"""Runs all groups of checks and makes the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dashboard.core.background import BackgroundTask
from dashboard.core.clock import utc_now
from dashboard.core.diagnostics import tensorflow_checks
from dashboard.core.diagnostics.checks import Check, Report
from dashboard.core.diagnostics.context import CheckContext
from dashboard.core.diagnostics.groups import GROUPS, CheckGroup
from dashboard.core.engine.contract import Engine
from dashboard.core.errors import DashboardError
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings


def run_checks(
    settings: Settings,
    inference: Inference,
    registry: Registry,
    engine: Engine,
    on_progress: Callable[[str], None] = lambda doing: None,
) -> Report:
    """Runs all checks. This takes seconds: a new worker imports TensorFlow first.

    Args:
        on_progress: is called with the current step, plain text.
    """
    context = CheckContext(settings, registry, inference, engine, on_progress)
    done: list[Check] = []
    tensorflow_fault = ""
    for group in GROUPS:
        on_progress(group.doing)
        done += _checks_of(group, context)
        if not tensorflow_fault:
            tensorflow_fault = _first_error(done, tensorflow_checks.GROUP)
            context = replace(context, tensorflow_works=not tensorflow_fault)
    active, active_fault = _active_model(registry, done)
    return Report(tuple(done), utc_now(), tensorflow_fault or active_fault, active)


def diagnosis_task(
    settings: Settings, inference: Inference, registry: Registry, engine: Engine
) -> BackgroundTask[Report]:
    """The diagnosis as a background task for all sessions. If the checks themselves fail, the report says so."""

    def diagnose(task: BackgroundTask[Report]) -> Report:
        try:
            return run_checks(settings, inference, registry, engine, task.say)
        except Exception as error:  # without a report, the page would start the checks again and again
            summary = f"The checks stopped with an error: {type(error).__name__}: {error}"
            fix = "Run `python -m dashboard doctor` to see where."
            return Report((Check("diagnosis", GROUPS[0].id, "error", summary, fix),), utc_now())

    return BackgroundTask("diagnosis", diagnose)


def _checks_of(group: CheckGroup, context: CheckContext) -> list[Check]:
    """The checks of a group. If one of them raises an error, the other groups still run."""
    done: list[Check] = []
    try:
        done.extend(group.checks(context))
    except Exception as error:
        summary = f"The checks stopped with an error: {type(error).__name__}: {error}"
        done.append(Check(f"{group.id}.stopped", group.id, "error", summary, "Fix the errors above, then check again."))
    return done


def _first_error(checks: Sequence[Check], group: str) -> str:
    return next((check.summary for check in checks if check.group == group and check.status == "error"), "")


def _active_model(registry: Registry, checks: Sequence[Check]) -> tuple[str, str]:
    """The active version, and why it cannot predict; "" if it can."""
    try:
        ref = registry.active().ref
    except DashboardError as error:
        return "", error.message
    of_it = (c for c in checks if c.id in (f"model.{ref}.file", f"model.{ref}.load") and c.status == "error")
    return ref, next((check.summary for check in of_it), "")
