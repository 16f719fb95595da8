"""The diagnosis that all sessions watch, and when it is made again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from dashboard.core.background import BackgroundTask
from dashboard.core.clock import utc_now
from dashboard.core.diagnostics.checks import Check, Report
from dashboard.core.diagnostics.context import NEEDED, CheckContext, Records
from dashboard.core.diagnostics.groups import GROUPS
from dashboard.core.diagnostics.run import Diagnosing
from dashboard.core.diagnostics.worker_checks import check_workers
from dashboard.core.engine.contract import Engine
from dashboard.core.models.health import ModelHealth, signature_of
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings

AGAIN_S = 300.0
REST_S = 20.0  # between the checks and their repetition when something happened: a worker may die again and again


def run_checks(
    settings: Settings,
    inference: Inference,
    registry: Registry,
    engine: Engine,
    on_step: Callable[[str], None] = lambda what: None,
) -> Report:
    """Runs all checks. This takes seconds: a new worker imports TensorFlow first.

    Args:
        on_step: is called with what is checked, plain text, from several threads.
    """
    return Diagnosing(CheckContext(settings, registry, inference, engine, ModelHealth())).run(on_step)


class Diagnosis:
    """The checks, made at most once at a time, however many sessions ask for them. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        inference: Inference,
        registry: Registry,
        engine: Engine,
        health: ModelHealth,
        records: Callable[[], Records] | None = None,
        secrets_files: tuple[str, ...] = (),
    ) -> None:
        self._context = CheckContext(
            settings, registry, inference, engine, health, records=records, secrets_files=secrets_files
        )
        self._task = BackgroundTask("diagnosis", lambda task: self._diagnose())
        self._running: Diagnosing | None = None
        self._report: Report | None = None
        self._ended_at = 0.0
        self._models: Sequence[object] = ()
        self._deaths: Sequence[str] = ()

    @property
    def active(self) -> bool:
        """True while checks run."""
        return self._task.state.active

    @property
    def progress(self) -> tuple[int, int]:
        """Number of steps done, and of all steps."""
        return running.progress if (running := self._running) else (0, 0)

    def start(self) -> None:
        """Starts the checks unless they are running."""
        self._task.start()

    def report(self) -> Report | None:
        """The checks as they are now: those of the workers always, the others as they were last made. None before the first start."""
        running = self._running
        report = running.report() if running else self._report
        if report is None:
            return None
        works = not any((check := report.check(needed)) and check.status == "error" for needed in NEEDED)
        return report.with_group("workers", check_workers(self._context.engine, works))

    def why_again(self) -> str:
        """Why the checks should be made again, such as "a worker died"; "" if they need not."""
        if self.active or self._report is None:
            return ""
        age_s = time.monotonic() - self._ended_at
        if age_s > AGAIN_S:
            return "the last checks are 5 minutes old"
        if self._models_now() != self._models:
            return "a model was changed"
        if age_s > REST_S and self._deaths_now() != self._deaths:
            return "a worker died"
        return ""

    def _diagnose(self) -> None:
        models_before, self._models = self._models, self._models_now()
        try:
            earlier = self._report
            if earlier and self._models != models_before:
                earlier = earlier.with_group("models", ())  # what was found in another file says nothing
            self._running = Diagnosing(self._context, earlier)
            report = self._running.run()
        except Exception as error:  # without a report, the page would start the checks again and again
            summary = f"The checks stopped with an error: {type(error).__name__}: {error}"
            fix = "Run `python -m dashboard doctor` to see where."
            report = Report((Check("diagnosis", GROUPS[0].id, "error", summary, fix),), utc_now())
        self._deaths = self._deaths_now()  # not those that the checks caused
        self._report, self._running, self._ended_at = report, None, time.monotonic()

    def _models_now(self) -> Sequence[object]:
        """Changes when a model does: its files, or which one is active."""
        registry = self._context.registry
        try:
            versions = [(v.ref, str(signature_of(v))) for v in registry.versions()]
            broken = [(v.ref, str(v.error)) for v in registry.broken()]
            return [*versions, *broken, registry.active_ref()]
        except Exception as error:  # the checks say it
            return [str(error)]

    def _deaths_now(self) -> Sequence[str]:
        try:
            return [worker.died_utc for worker in self._context.engine.workers()]
        except Exception:  # the checks say it
            return []
