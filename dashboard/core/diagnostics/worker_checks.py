"""Is each worker process alive?"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.core.diagnostics.checks import MIB, Check
from dashboard.core.diagnostics.context import CheckContext
from dashboard.core.engine.contract import WorkerStatus
from dashboard.core.shell import set_variable


def checks(context: CheckContext) -> Iterator[Check]:
    """One check per worker."""
    return (check_worker(worker, context.tensorflow_works) for worker in context.engine.workers())


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
        return Check(check_id, "workers", "skipped", f"{name} skipped: TensorFlow is not usable", "", details)
    if worker.state == "failed":
        fix = f"Restart the dashboard. If the error persists, use fewer workers: `{set_variable('DASHBOARD_WORKERS', 1)}`."
        return Check(check_id, "workers", "error", f"{name} does not start: it {worker.fault}", fix, details)
    if worker.restarts:
        times = "once" if worker.restarts == 1 else f"{worker.restarts} times"
        summary = f"{name} is {worker.state}, and was restarted {times}, the last time because it {worker.fault}"
        fix = f"If restarts keep increasing, memory may be short: use fewer workers with `{set_variable('DASHBOARD_WORKERS', 1)}`."
        return Check(check_id, "workers", "warning", summary, fix, details)
    return Check(check_id, "workers", "ok", f"{name} is {worker.state}", "", details)
