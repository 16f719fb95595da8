"""What runs where, and does it work: packages, TensorFlow in a worker, models, workers, storage."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from dashboard.core.checks import Check, Group, Report, report_as_text, report_to_dict, utc_now, without_full_stop
from dashboard.core.engine import Engine, WorkerStatus
from dashboard.core.errors import DashboardError, DependencyError
from dashboard.core.inference import Inference
from dashboard.core.model_checks import check_models
from dashboard.core.package_checks import check_packages, installed_packages, pip_command, read_requirements
from dashboard.core.registry import Registry
from dashboard.settings import Settings

__all__ = ["Check", "Report", "report_as_text", "report_to_dict", "run_checks"]

MIB = 2**20
LEAST_FREE_MIB = 200  # below this not even a run can be stored

# how a process that imports TensorFlow dies -> why, and what helps
_DEATHS = {
    "SIGILL": (
        "this processor lacks instructions that the installed TensorFlow was built for, such as AVX",
        "Run the dashboard on a machine whose processor has AVX (`grep -c avx /proc/cpuinfo` is not 0 there), or install a "
        "TensorFlow that was built for this one.",
    ),
    "SIGKILL": (
        "the system ended it, most likely because memory ran out",
        "Give it 2 GB of memory, or use one worker: `export DASHBOARD_WORKERS=1`, then restart the dashboard.",
    ),
}
_OTHER_FOLDER = "or name another folder with `export DASHBOARD_DATA_DIR=/path/to/folder`, then restart the dashboard."


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


def check_tensorflow(inference: Inference) -> Check:
    """Imports TensorFlow in a worker, where a build that kills its process kills only that."""
    try:
        facts = inference.tensorflow()
    except DependencyError as error:
        summary = without_full_stop(error.message)
        if error.code == "tensorflow_missing":
            fix = f"Run `{pip_command('install -r requirements.txt')}`, then restart the dashboard."
        else:
            fix = _reinstall("Its build and another package do not fit together.")
        return Check("tensorflow", "tensorflow", "error", summary, fix)
    except DashboardError as error:  # WorkerError: it died or did not answer
        return _check_death(error.message)
    where = f"on {len(facts.gpus)} GPU(s)" if facts.gpus else "on the CPU"
    details = (
        ("Build", "with CUDA" if facts.built_with_cuda else "CPU only"),
        ("CPU features in use", ", ".join(facts.cpu_features) or "unknown"),
        ("GPUs", ", ".join(facts.gpus) or "none"),
        ("Threads a worker", str(facts.threads)),
        ("Import took", f"{facts.import_s:.1f} s"),
    )
    summary = f"TensorFlow {facts.version} with Keras {facts.keras_version} works {where}"
    return Check("tensorflow", "tensorflow", "ok", summary, "", details)


def _check_death(message: str) -> Check:
    summary = f"TensorFlow cannot be used. {without_full_stop(message)}"
    for signal_name, (why, fix) in _DEATHS.items():
        if signal_name in message:
            return Check("tensorflow", "tensorflow", "error", f"{summary}: {why}", fix)
    if "did not answer" in message:
        longer = "Allow it more time with `export DASHBOARD_WORKER_START_S=600`, then restart the dashboard."
        return Check("tensorflow", "tensorflow", "error", summary, longer)
    why = "The installed build does not fit this machine or the other packages."
    return Check("tensorflow", "tensorflow", "error", summary, _reinstall(why))


def _reinstall(why: str) -> str:
    command = pip_command("install --force-reinstall -r requirements.txt")
    return f"{why} Install everything anew with `{command}`, then restart the dashboard."


def check_worker(worker: WorkerStatus, tensorflow_works: bool) -> Check:
    """One worker process."""
    check_id, name = f"worker.{worker.slot}", f"Worker {worker.slot + 1}"
    details = (
        ("Process", str(worker.pid or "none")),
        ("Memory", f"{worker.memory_bytes / MIB:,.0f} MiB" if worker.memory_bytes else "unknown"),
        ("Restarts", str(worker.restarts)),
        ("Tasks done", f"{worker.tasks_done:,}"),
    )
    if not tensorflow_works:
        return Check(check_id, "workers", "skipped", f"{name} skipped: TensorFlow is not usable", "", details)
    if worker.state == "failed":
        fix = "Restart the dashboard; if it stays so, use fewer workers: `export DASHBOARD_WORKERS=1`."
        return Check(check_id, "workers", "error", f"{name} does not start: it {worker.fault}", fix, details)
    if worker.restarts:
        times = "once" if worker.restarts == 1 else f"{worker.restarts} times"
        summary = f"{name} is {worker.state}, and was restarted {times}, the last time because it {worker.fault}"
        fix = "If its number grows, memory may be short: use fewer workers with `export DASHBOARD_WORKERS=1`."
        return Check(check_id, "workers", "warning", summary, fix, details)
    return Check(check_id, "workers", "ok", f"{name} is {worker.state}", "", details)


def check_storage(folders: Sequence[Path], max_upload_mb: int) -> Iterator[Check]:
    """Can runs and uploads be stored?

    Args:
        folders: the data folder, then those in it that are written to once they are there.
    """
    data_dir = folder = folders[0]
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        for folder in filter(Path.exists, folders):
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"written by the diagnostics")
                file.flush()
    except OSError as error:
        summary = f"The data folder {folder} cannot be written to: {error.strerror}"
        yield Check(
            "storage.writable", "storage", "error", summary, f"Give this user the right to write there, {_OTHER_FOLDER}"
        )
    else:
        yield Check("storage.writable", "storage", "ok", f"The data folder {data_dir} can be written to")
    place = next(p for p in (data_dir, *data_dir.absolute().parents) if p.is_dir())
    yield check_space(data_dir, shutil.disk_usage(place).free // MIB, max_upload_mb)


def check_space(data_dir: Path, free_mib: int, max_upload_mb: int) -> Check:
    """Is there room for an upload, or at least for an evaluation?"""
    summary = f"{free_mib / 1024:,.1f} GiB of disk are free for {data_dir}"
    if free_mib >= max(max_upload_mb, LEAST_FREE_MIB):
        return Check("storage.space", "storage", "ok", summary)
    fix = f"Remove old evaluations in {data_dir / 'runs'} and datasets in {data_dir / 'uploads'}, {_OTHER_FOLDER}"
    if free_mib >= LEAST_FREE_MIB:
        return Check(
            "storage.space", "storage", "warning", f"{summary}, less than one upload of {max_upload_mb:,} MB", fix
        )
    return Check("storage.space", "storage", "error", f"{summary}, too little to store an evaluation", fix)
