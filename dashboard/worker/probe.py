"""Imports TensorFlow in a worker process or its template, and tells what it found."""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from dashboard.core.errors import DependencyError
from dashboard.core.models.facts import TensorFlowFacts
from dashboard.core.models.precision import cpu_features
from dashboard.core.shell import install_requirements

_INSTALL = f"Run `{install_requirements()}`, then restart the dashboard."
_PATHS = sysconfig.get_paths()


@lru_cache(maxsize=1)
def import_tensorflow() -> float | DependencyError:
    """Imports TensorFlow and Keras, once, and runs nothing. Gives the seconds that it took, or what is wrong."""
    start = time.perf_counter()
    try:
        # Keras imports them for wrappers and data frames, which are not used here: 40% of the time, 40 MB
        with _hidden("sklearn"), _hidden("pandas"):
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
    except ModuleNotFoundError as error:
        if (shadow := _shadow()) or (error.name or "").split(".")[0] not in ("tensorflow", "keras"):
            return _broken(error, shadow)
        absent = "Keras" if find_spec("tensorflow") else "TensorFlow"
        return DependencyError(f"{absent} is not installed.", _INSTALL, "tensorflow_missing")
    except Exception as error:  # broken builds raise anything from ImportError to TypeError
        return _broken(error, _shadow())
    return time.perf_counter() - start


@lru_cache(maxsize=1)
def _set_up_tensorflow() -> TensorFlowFacts | DependencyError:
    import_s = import_tensorflow()
    if isinstance(import_s, DependencyError):
        return import_s
    import keras
    import tensorflow as tf

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
        import_s=import_s,
    )


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """The package cannot be imported meanwhile, unless it has been."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


def _broken(error: Exception, shadow: Path | None) -> DependencyError:
    told = f"{type(error).__name__}: {str(error)[:300]}"
    if shadow:
        return DependencyError(
            f"Python imports {shadow} in place of the package {shadow.stem}: {told}.",
            "Rename or remove it, or take its folder out of PYTHONPATH, then restart the dashboard.",
            "tensorflow_broken",
        )
    return DependencyError(
        f"TensorFlow is installed but cannot be imported: {told}.",
        "Its build and another package do not fit together. Install everything anew with "
        f"`{install_requirements('--force-reinstall')}`, then restart the dashboard.",
        "tensorflow_broken",
    )


def _shadow() -> Path | None:
    """A file or folder of somebody else that Python imports as TensorFlow or Keras; None if there is none."""
    for name in ("tensorflow", "keras"):
        with suppress(Exception):  # the metadata of any package may be damaged
            spec = find_spec(name)
            if not spec or not spec.origin:
                continue
            found = Path(spec.origin)
            distributions = map(metadata.distribution, metadata.packages_distributions().get(name, ()))
            places = [str(each.locate_file("")) for each in distributions] or [_PATHS["purelib"], _PATHS["platlib"]]
            if not any(found.is_relative_to(place) for place in places):
                return found.parent if found.stem == "__init__" else found
    return None


def warm_up() -> None:
    """Imports TensorFlow and sets its threads. A fault is kept for the first task that needs TensorFlow."""
    _set_up_tensorflow()


def probe_tensorflow() -> TensorFlowFacts:
    """Raises DependencyError when TensorFlow is missing or broken."""
    facts = _set_up_tensorflow()
    if isinstance(facts, DependencyError):
        raise facts
    return facts
