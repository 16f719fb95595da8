"""Checks that TensorFlow works in a worker process."""

from __future__ import annotations

import socket
from importlib.util import find_spec

from dashboard.core.diagnostics.checks import Check, without_full_stop
from dashboard.core.diagnostics.context import CLUSTER, TENSORFLOW, CheckContext, Step
from dashboard.core.engine.worker import LACKS_INSTRUCTIONS, why_killed
from dashboard.core.errors import DependencyError, WorkerError
from dashboard.core.models.inference import Inference
from dashboard.core.shell import install_requirements, pip_command, set_variable

GROUP = "tensorflow"
_REACHED_WITHIN_S = 5.0


def steps(context: CheckContext) -> list[Step]:
    """The check of TensorFlow. It starts a worker if none runs yet. Before it, that of the cluster, if one is used."""
    what, cluster = "TensorFlow in a worker process (about 5 s after a start)", context.settings.cluster
    found = [Step(CLUSTER, GROUP, "the Ray cluster", lambda _: [check_cluster(cluster)])] if cluster else []
    after = tuple(step.id for step in found)
    return [*found, Step(TENSORFLOW, GROUP, what, lambda given: [_check(given)], on_worker=True, after=after)]


def _check(context: CheckContext) -> Check:
    if context.failed(CLUSTER):
        return Check(TENSORFLOW, GROUP, "skipped", "TensorFlow skipped: the Ray cluster cannot be used")
    return check_tensorflow(context.inference, context.settings.cluster)


def check_cluster(address: str) -> Check:
    """Checks that this machine reaches the Ray cluster at HOST:PORT or ray://HOST:PORT. Ray itself is not asked."""
    if find_spec("ray") is None:
        install = pip_command("install -r requirements-cluster.txt")
        summary = "Ray is not installed, but DASHBOARD_CLUSTER names a Ray cluster"
        return Check(CLUSTER, GROUP, "error", summary, f"Run `{install}`, then restart the dashboard.")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():  # such as "auto": Ray looks for it
        return Check(CLUSTER, GROUP, "ok", f"Ray looks for the cluster {address}, which DASHBOARD_CLUSTER names")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACHED_WITHIN_S).close()
    except (OSError, ValueError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        summary = f"The Ray cluster at {address}, which DASHBOARD_CLUSTER names, cannot be reached: {why}"
        return Check(CLUSTER, GROUP, "error", summary, _mend_cluster(address))
    return Check(CLUSTER, GROUP, "ok", f"The Ray cluster at {address} can be reached")


def _mend_cluster(address: str) -> str:
    return (
        "Start the cluster there with `ray start --head --port=6379`, see that the network lets this machine reach "
        f"{address}, or correct DASHBOARD_CLUSTER (without it, this machine does the work). Then restart the dashboard."
    )


def check_tensorflow(inference: Inference, cluster: str = "") -> Check:
    """Imports TensorFlow in a worker, so that a broken build can only kill this worker. `cluster`: where the worker is."""
    try:
        facts = inference.tensorflow()
    except DependencyError as error:
        return Check(TENSORFLOW, GROUP, "error", without_full_stop(error.message), error.fix)
    except WorkerError as error:
        return _check_death(error, cluster)
    where = f"on {len(facts.gpus)} GPU(s)" if facts.gpus else "on the CPU"
    details = (
        ("Build", "with CUDA" if facts.built_with_cuda else "CPU only"),
        ("CPU features in use", ", ".join(facts.cpu_features) or "unknown"),
        ("GPUs", ", ".join(facts.gpus) or "none"),
        ("Threads per worker", str(facts.threads)),
        ("Import took", f"{facts.import_s:.1f} s"),
    )
    summary = f"TensorFlow {facts.version} with Keras {facts.keras_version} works {where}"
    return Check(TENSORFLOW, GROUP, "ok", summary, "", details)


def _check_death(error: WorkerError, cluster: str) -> Check:
    summary = f"TensorFlow cannot be used. {without_full_stop(error.message)}"
    if cluster and error.code == "worker_unavailable" and not error.overran:
        return Check(TENSORFLOW, GROUP, "error", summary, _mend_cluster(cluster))
    if error.signal in ("SIGILL", "SIGKILL"):
        why, fix = LACKS_INSTRUCTIONS if error.signal == "SIGILL" else why_killed(error.message)
        return Check(TENSORFLOW, GROUP, "error", summary if why in summary else f"{summary}: {why}", fix)
    if error.overran:
        longer = (
            f"Allow it more time with `{set_variable('DASHBOARD_WORKER_START_S', 600)}`, then restart the dashboard."
        )
        return Check(TENSORFLOW, GROUP, "error", summary, longer)
    why = "The installed build does not fit this machine or the other packages."
    anew = f"Install everything anew with `{install_requirements('--force-reinstall')}`, then restart the dashboard."
    return Check(TENSORFLOW, GROUP, "error", summary, f"{why} {anew}")
