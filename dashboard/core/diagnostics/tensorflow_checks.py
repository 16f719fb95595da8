"""Checks that TensorFlow works in a worker process."""

from __future__ import annotations

from dashboard.core.diagnostics.checks import Check, without_full_stop
from dashboard.core.diagnostics.context import TENSORFLOW, CheckContext, Step
from dashboard.core.engine.worker import LACKS_INSTRUCTIONS
from dashboard.core.errors import DependencyError, WorkerError
from dashboard.core.models.inference import Inference
from dashboard.core.settings import install_requirements
from dashboard.core.shell import set_variable

GROUP = "tensorflow"

# signal that ended the import of TensorFlow -> reason and fix
_DEATHS = {
    "SIGILL": LACKS_INSTRUCTIONS,
    "SIGKILL": (
        "the system ended it, most likely because memory ran out",
        f"Give it 2 GB of memory, or use one worker: `{set_variable('DASHBOARD_WORKERS', 1)}`, then restart the dashboard.",
    ),
}


def steps(context: CheckContext) -> list[Step]:
    """The check of TensorFlow. It starts a worker if none runs yet."""
    what = "TensorFlow in a worker process (about 5 s after a start)"
    return [Step(TENSORFLOW, GROUP, what, lambda given: [check_tensorflow(given.inference)], on_worker=True)]


def check_tensorflow(inference: Inference) -> Check:
    """Imports TensorFlow in a worker, so that a broken build can only kill this worker."""
    try:
        facts = inference.tensorflow()
    except DependencyError as error:
        return Check(TENSORFLOW, GROUP, "error", without_full_stop(error.message), error.fix)
    except WorkerError as error:
        return _check_death(error)
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


def _check_death(error: WorkerError) -> Check:
    summary = f"TensorFlow cannot be used. {without_full_stop(error.message)}"
    if error.signal in _DEATHS:
        why, fix = _DEATHS[error.signal]
        return Check(TENSORFLOW, GROUP, "error", summary if why in summary else f"{summary}: {why}", fix)
    if error.overran:
        longer = (
            f"Allow it more time with `{set_variable('DASHBOARD_WORKER_START_S', 600)}`, then restart the dashboard."
        )
        return Check(TENSORFLOW, GROUP, "error", summary, longer)
    why = "The installed build does not fit this machine or the other packages."
    anew = f"Install everything anew with `{install_requirements('--force-reinstall')}`, then restart the dashboard."
    return Check(TENSORFLOW, GROUP, "error", summary, f"{why} {anew}")
