"""Imports TensorFlow once in a worker process and tells what it found."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from importlib.util import find_spec

from dashboard.core.errors import DependencyError
from dashboard.core.models.facts import TensorFlowFacts
from dashboard.core.models.precision import cpu_features
from dashboard.core.settings import PIP_REQUIREMENTS

_INSTALL = f"Install what the dashboard needs with `pip install {PIP_REQUIREMENTS}`, then restart it."


@lru_cache(maxsize=1)
def _import_tensorflow() -> TensorFlowFacts | DependencyError:
    start = time.perf_counter()
    try:
        import keras
        import tensorflow as tf
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("tensorflow", "keras"):
            return _broken(error)
        absent = "Keras" if find_spec("tensorflow") else "TensorFlow"
        return DependencyError(f"{absent} is not installed.", _INSTALL, "tensorflow_missing")
    except Exception as error:  # broken builds raise anything from ImportError to TypeError
        return _broken(error)
    threads = int(os.environ.get("DASHBOARD_WORKER_THREADS", "0"))
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return TensorFlowFacts(
        version=tf.__version__,
        keras_version=keras.__version__,
        built_with_cuda=tf.test.is_built_with_cuda(),
        cpu_features=cpu_features(),
        gpus=tuple(device.name for device in tf.config.list_physical_devices("GPU")),
        threads=threads or os.cpu_count() or 1,
        import_s=time.perf_counter() - start,
    )


def _broken(error: Exception) -> DependencyError:
    return DependencyError(
        f"TensorFlow is installed but cannot be imported: {type(error).__name__}: {str(error)[:300]}.",
        "Its build and another package do not fit together: "
        f"`pip install --force-reinstall {PIP_REQUIREMENTS}`, then restart the dashboard.",
        "tensorflow_broken",
    )


def warm_up() -> None:
    """Imports TensorFlow; that it fails is kept for the first task that needs it."""
    _import_tensorflow()


def probe_tensorflow() -> TensorFlowFacts:
    """Raises DependencyError when TensorFlow is missing or broken."""
    facts = _import_tensorflow()
    if isinstance(facts, DependencyError):
        raise facts
    return facts
