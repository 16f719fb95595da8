"""Runs the checks of a diagnosis and makes the report, which is complete from the start: a check to come says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.core.clock import utc_now
from dashboard.core.diagnostics.checks import Check, Report
from dashboard.core.diagnostics.context import NEEDED, CheckContext, Step
from dashboard.core.diagnostics.groups import GROUPS
from dashboard.core.errors import BrokenVersionError, DashboardError
from dashboard.core.settings import check_data_dir

if TYPE_CHECKING:  # otherwise a report could not be made while NumPy is broken
    from dashboard.core.models.registry import Registry

_THREADS = 3  # for the checks that need no worker; most of them read files


class Diagnosing:
    """One diagnosis. Each check catches its own failure, which becomes a failed check with a reason."""

    def __init__(self, context: CheckContext, earlier: Report | None = None) -> None:
        """Nothing runs yet.

        Args:
            earlier: its checks stand in the report until they are made again.
        """
        self._done: dict[str, Check] = {}
        self._context = replace(context, done=self._done)
        self._lock = threading.Lock()
        self._steps = [step for group in GROUPS for step in _steps_of(group.id, group.steps, self._context)]
        self._made: dict[str, Future[list[Check]]] = {step.id: Future() for step in self._steps}
        self._earlier = {step.id: _of_step(step, earlier, self._steps) for step in self._steps}

    def run(self, on_step: Callable[[str], None] = lambda what: None) -> Report:
        """Makes all checks and returns the report. `on_step` is called with what is checked, from several threads."""
        here = [step for step in self._steps if not step.on_worker]
        with ThreadPoolExecutor(_THREADS, "checks") as threads:
            for step in here:
                threads.submit(self._make, step, on_step)
            for step in self._steps:
                if step.on_worker:
                    self._make(step, on_step)
        return self.report()

    @property
    def progress(self) -> tuple[int, int]:
        """Number of steps done, and of all steps."""
        return sum(made.done() for made in self._made.values()), len(self._made)

    def report(self) -> Report:
        """The report so far."""
        checks = [check for step in self._steps for check in self._shown(step)]
        failed = (self._done[needed].summary for needed in NEEDED if self._context.failed(needed))
        off = next((f"New predictions are off: {summary}" for summary in failed), "")
        active, active_off = _active_model(self._context.registry, checks)
        try:
            check_data_dir(self._context.settings.data_dir)
        except DashboardError as error:
            off = f"Pages and HTTP API are off: {error.message}"
        return Report(tuple(checks), utc_now(), off or active_off, active)

    def _shown(self, step: Step) -> list[Check]:
        made = self._made[step.id]
        if made.done():
            return made.result()
        if step.quiet:
            return self._earlier[step.id]
        return self._earlier[step.id] or [Check(step.id, step.group, "checking", f"Checking {step.what} ...")]

    def _make(self, step: Step, on_step: Callable[[str], None]) -> None:
        for before in step.after:
            self._made[before].result()
        try:
            on_step(step.what)
            found = list(step.run(self._context))
        except Exception as error:  # whatever a check meets, the others are made
            found = [_failed(step, error)]
        now = utc_now()
        found = [replace(check, checked_utc=now) for check in found]
        with self._lock:
            self._done.update({check.id: check for check in found})
        self._made[step.id].set_result(found)


def _steps_of(group: str, steps: Callable[[CheckContext], Iterable[Step]], context: CheckContext) -> list[Step]:
    try:
        return list(steps(context))
    except Exception as error:  # such as a folder that cannot be listed
        fault = error
        return [Step(f"{group}.stopped", group, group, lambda _: _raise(fault))]


def _raise(error: Exception) -> list[Check]:
    raise error


def _failed(step: Step, error: Exception) -> Check:
    reason = error.message if isinstance(error, DashboardError) else f"{type(error).__name__}: {error}"
    fix = error.fix if isinstance(error, DashboardError) else "Mend what is named there, then check again."
    what = step.what[0].upper() + step.what[1:]
    return Check(step.id, step.group, "error", f"{what} could not be checked. {reason.removesuffix('.')}", fix)


def _of_step(step: Step, earlier: Report | None, steps: Sequence[Step]) -> list[Check]:
    """What a step found in the earlier diagnosis."""
    if not earlier:
        return []
    alone = sum(other.group == step.group for other in steps) == 1
    return [c for c in earlier.checks if c.id == step.id or (alone and c.group == step.group)]


def _active_model(registry: Registry, checks: Sequence[Check]) -> tuple[str, str]:
    """The active version, and what is off if it cannot predict; "" if it can."""
    try:
        ref = registry.active().ref
    except BrokenVersionError as error:
        return "", f"{error.ref} is off: {error.reason}"
    except DashboardError as error:
        what = "Predictions" if error.code == "model_missing" else "Predictions without a named model"
        return "", f"{what} are off: {error.message}"
    except Exception:  # it has a failed check
        return "", ""
    of_it = (c for c in checks if c.id in (f"model.{ref}.file", f"model.{ref}.load") and c.status == "error")
    return ref, next((f"{ref} is off: {check.summary.removeprefix(f'{ref}: ')}" for check in of_it), "")
