"""What runs where, and does it work: packages, TensorFlow in a worker, models, workers, storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dashboard.core.background import BackgroundTask
from dashboard.core.clock import utc_now
from dashboard.core.diagnostics.checks import Check, Group, Report
from dashboard.core.diagnostics.model_checks import check_models
from dashboard.core.diagnostics.package_checks import check_packages, installed_packages, read_requirements
from dashboard.core.diagnostics.storage_checks import check_storage
from dashboard.core.diagnostics.tensorflow_checks import check_tensorflow
from dashboard.core.diagnostics.worker_checks import check_worker
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
    """Runs every check; takes seconds, because a worker that has just been started imports TensorFlow first.

    Args:
        on_progress: called with what is being done, plain text.
    """
    on_progress("Looking at the installed packages")
    checks = _survive("packages", lambda: check_packages(read_requirements(), installed_packages()))
    on_progress("Waiting for TensorFlow in a worker process (about 10 s after a start)")
    [tensorflow] = _survive("tensorflow", lambda: [check_tensorflow(inference)])
    works = tensorflow.status != "error"
    models = _survive("models", lambda: check_models(registry, inference, settings.samples_dir, works, on_progress))
    on_progress("Looking at workers and storage")
    workers = _survive("workers", lambda: [check_worker(w, works) for w in engine.workers()])
    folders = (settings.data_dir, settings.runs_dir, settings.uploads_dir, settings.downloads_dir)
    storage = _survive("storage", lambda: check_storage(folders, settings.max_upload_mb))
    active, off = _active_model(registry, models)
    return Report(
        checks=(*checks, tensorflow, *models, *workers, *storage),
        created_utc=utc_now(),
        predictions_off=off if works else tensorflow.summary,
        active_model=active,
    )


def diagnosis_task(
    settings: Settings, inference: Inference, registry: Registry, engine: Engine
) -> BackgroundTask[Report]:
    """The checks as a task that all sessions watch. A fault in the checks themselves becomes a report, too."""

    def diagnose(task: BackgroundTask[Report]) -> Report:
        try:
            return run_checks(settings, inference, registry, engine, task.say)
        except Exception as error:  # without a report a page would start the checks again and again
            summary = f"The checks themselves stopped: {type(error).__name__}: {error}"
            check = Check("diagnosis", "packages", "error", summary, "Run `python -m dashboard doctor` to see where.")
            return Report((check,), utc_now())

    return BackgroundTask("diagnosis", diagnose)


def _survive(group: Group, run: Callable[[], Iterable[Check]]) -> list[Check]:
    """The checks of a group; a fault in one of them must not take the others along."""
    done: list[Check] = []
    try:
        done.extend(run())
    except Exception as error:
        summary = f"The checks themselves stopped: {type(error).__name__}: {error}"
        done.append(Check(f"{group}.stopped", group, "error", summary, "Mend the errors above, then check again."))
    return done


def _active_model(registry: Registry, checks: list[Check]) -> tuple[str, str]:
    """The active version, and why it cannot answer, "" when it can."""
    try:
        ref = registry.active().ref
    except DashboardError as error:
        return "", error.message
    of_it = (c for c in checks if c.id in (f"model.{ref}.file", f"model.{ref}.load") and c.status == "error")
    return ref, next((check.summary for check in of_it), "")
