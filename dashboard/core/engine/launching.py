"""How worker processes of the dashboard are started."""

from __future__ import annotations

import contextlib
import sys
from functools import partial

from dashboard.core.engine.process import WorkerProcess, interpreter
from dashboard.core.engine.system import CAN_FORK
from dashboard.core.engine.template import NotSafeToFork, Template
from dashboard.core.settings import get_settings

INTERPRETER = (sys.executable, "-m", "dashboard.worker")

template = Template()  # all pools of this process share it


def forks() -> bool:
    """True if workers are forked from the template."""
    return CAN_FORK and get_settings().fork == "auto" and not template.unsafe


def launch(threads: int, start_s: float) -> WorkerProcess:
    """A worker process, forked where that is safe.

    Args:
        threads: threads that TensorFlow may use.
        start_s: seconds that importing TensorFlow may take.

    Raises:
        OSError, WorkerDied: no process can be started.
    """
    if forks():
        with contextlib.suppress(NotSafeToFork):
            return WorkerProcess(partial(template.fork, limit_s=start_s), threads)
    return WorkerProcess(interpreter(INTERPRETER), threads)
