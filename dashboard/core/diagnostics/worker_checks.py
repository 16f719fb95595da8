"""The worker processes, as they are at this moment."""

from __future__ import annotations

from datetime import datetime, timezone

import psutil

from dashboard.core.clock import utc_in_words
from dashboard.core.diagnostics.checks import MIB, Check
from dashboard.core.diagnostics.context import CheckContext, Step
from dashboard.core.engine.contract import IMPORTING, OUT_OF_MEMORY, TOO_SLOW, Engine, WorkerStatus
from dashboard.core.errors import counted
from dashboard.core.shell import install_requirements, set_variable

GROUP = "workers"
LEAST_FREE_MIB = 500  # a worker with a small model takes about as much
_FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGXCPU")
_FORGET_S = 600.0  # a worker whose predecessor died longer ago is no warning any more
_FEWER = f"use fewer workers with `{set_variable('DASHBOARD_WORKERS', 1)}`, then restart the dashboard."


def steps(context: CheckContext) -> list[Step]:
    """One step, after those that need a worker."""
    return [Step(GROUP, GROUP, "the workers", _made, on_worker=True)]


def _made(context: CheckContext) -> list[Check]:
    return check_workers(context.engine, context.tensorflow_works)


def check_workers(engine: Engine, tensorflow_works: bool) -> list[Check]:
    """One check per worker, and one of the memory. It waits for nothing and raises nothing."""
    try:
        checks = [check_worker(worker, tensorflow_works) for worker in engine.workers()]
    except Exception as error:  # such as a /proc that cannot be read
        summary = f"The workers could not be checked. {type(error).__name__}: {error}"
        checks = [Check("workers.stopped", GROUP, "error", summary, "Restart the dashboard.")]
    return [*checks, check_memory()]


def state_in_words(worker: WorkerStatus) -> str:
    """What a worker does now, such as "busy: predicting"."""
    if worker.state == "starting" and worker.restarts:
        return "restarting"
    if worker.state == "failed":
        return "died while it started; it is tried again"
    if worker.state == "died":
        return "died; it is being replaced"
    return {"idle": "ready", "busy": f"busy: {worker.doing}" if worker.doing else "busy"}.get(
        worker.state, worker.state
    )


def restarts_in_words(worker: WorkerStatus) -> str:
    """Such as "3 restarts, the last because it exited with code 3 while idle"; "" if there was none."""
    if not worker.restarts:
        return ""
    last = ", the last" if worker.restarts > 1 else ""
    return f"{counted(worker.restarts, 'restart')}{last} because it {worker.fault}"


def check_worker(worker: WorkerStatus, tensorflow_works: bool) -> Check:
    """The check of one worker process."""
    check_id, name = f"worker.{worker.slot}", f"Worker {worker.slot + 1}"
    details = (
        ("Process", str(worker.pid or "none")),
        ("Memory", f"{worker.memory_bytes / MIB:,.0f} MiB" if worker.memory_bytes else "unknown"),
        ("Restarts", str(worker.restarts)),
        ("Tasks done", f"{worker.tasks_done:,}"),
    )
    if not tensorflow_works:
        return Check(check_id, GROUP, "skipped", f"{name} skipped: TensorFlow is not usable", "", details)
    if worker.state == "failed":
        fix = f"Restart the dashboard. If the error persists: {_against(worker)}"
        return Check(check_id, GROUP, "error", f"{name} does not start: it {worker.fault}", fix, details)
    restarts = f"If restarts keep increasing: {_against(worker)}"
    if worker.state == "died":
        return Check(check_id, GROUP, "error", f"{name} died and is being replaced", restarts, details)
    if worker.state == "starting" and worker.restarts:
        return Check(check_id, GROUP, "warning", f"{name} is restarting: it {worker.fault}", restarts, details)
    summary = f"{name} is {state_in_words(worker)}"
    if worker.restarts:
        summary += f", after {restarts_in_words(worker)}"
    if _died_recently(worker):
        return Check(check_id, GROUP, "warning", summary, restarts, details)
    return Check(check_id, GROUP, "ok", summary, "", details)


def check_memory() -> Check:
    """Is there memory for another worker? Raises nothing."""
    check_id = "workers.memory"
    try:
        free_mib = psutil.virtual_memory().available // MIB
    except Exception as error:  # psutil reads /proc, which may be unlike what it expects
        summary = f"The free memory could not be checked. {type(error).__name__}: {error}"
        return Check(check_id, GROUP, "warning", summary, "Look at it with `free -m`.")
    summary = f"{free_mib / 1024:,.1f} GiB of memory are free on this machine"
    if free_mib >= LEAST_FREE_MIB:
        return Check(check_id, GROUP, "ok", summary)
    return Check(
        check_id,
        GROUP,
        "warning",
        f"{summary}, so that the system may kill a worker",
        f"End other programs, or {_FEWER}",
    )


def _against(worker: WorkerStatus) -> str:
    """What to do about workers that end as this one did."""
    fault = worker.fault
    if OUT_OF_MEMORY in fault or _memory_is_short():
        return f"free some memory by ending other programs, or {_FEWER}"
    if fault.startswith(TOO_SLOW):
        setting = "DASHBOARD_WORKER_START_S" if IMPORTING in fault else "DASHBOARD_TASK_S"
        allowed = float(fault.removeprefix(TOO_SLOW).split()[0])
        more = max(300, round(2 * allowed))
        return f"allow more time with `{set_variable(setting, more)}`, then restart the dashboard."
    if TOO_SLOW in fault:  # its template
        without = set_variable("DASHBOARD_FORK", "never")
        return (
            f"let each worker start without the template, which takes longer: `{without}`, then restart the dashboard."
        )
    if any(signal in fault for signal in _FROM_OUTSIDE):
        when = f" of {utc_in_words(worker.died_utc)}" if worker.died_utc else ""
        return (
            "the dashboard did not send this signal. A person, another program, a limit of a container or the system did. "
            f"Look into the log of the system{when}, on Linux with `journalctl --dmesg --utc`."
        )
    return f"the worker's own program failed. Install its packages again with `{install_requirements('--force-reinstall')}`."


def _memory_is_short() -> bool:
    try:
        return psutil.virtual_memory().available // MIB < LEAST_FREE_MIB
    except Exception:  # psutil reads /proc, which may be unlike what it expects
        return False


def _died_recently(worker: WorkerStatus) -> bool:
    if not worker.died_utc:
        return bool(worker.restarts)
    age = datetime.now(timezone.utc) - datetime.fromisoformat(worker.died_utc)
    return age.total_seconds() < _FORGET_S
