"""A worker on a Ray cluster, with the same interface as a worker process on this machine.

The pool decides which task goes to which worker, and does time-outs, retries and replacement. Ray only finds a place for
the worker and reports its death. Ray is imported only if the settings name a cluster.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import threading
from typing import Any

from dashboard.core.engine.run_task import run_task
from dashboard.core.engine.task_words import in_words
from dashboard.core.engine.worker import WorkerDied
from dashboard.core.shell import PACKAGE, pip_command

PING_S = 30.0  # seconds after which an idle worker that does not answer counts as gone
ENVIRONMENT = {
    "DASHBOARD_WORKER_THREADS": "1",
    "DASHBOARD_PRECISION": "float32",  # see `precision.serves_in_bfloat16`
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
ANSWER_S = 5.0  # seconds within which the cluster must accept a connection
_CONNECTING = threading.Lock()


class Tasks:
    """The process on the cluster that runs the tasks of `dashboard.worker.tasks`."""

    def __init__(self) -> None:
        self._tasks = importlib.import_module(
            "dashboard.worker.tasks"
        )  # imported here because core must not import the worker's code
        importlib.import_module("dashboard.worker.probe").warm_up()

    def pid(self) -> int:
        """The process id on its node."""
        return os.getpid()

    def run(self, task: str, args: tuple[Any, ...]) -> tuple[bool, Any]:
        """See `run_task`."""
        return run_task(self._tasks.TASKS, task, args)


def _connect(address: str) -> Any:
    """Ray, connected once per process. Raises OSError if it is not installed or the cluster does not answer."""
    try:
        import ray
    except ImportError as error:
        command = pip_command("install -r requirements-cluster.txt")
        raise OSError(f"Ray is not installed: {command}") from error
    with _CONNECTING:
        if not ray.is_initialized():
            try:
                _check_that_it_listens(address)
                # the code travels along, so that every node runs what the server runs
                environment = {"py_modules": [str(PACKAGE)], "env_vars": ENVIRONMENT}
                ray.init(
                    address=address, namespace="dashboard", log_to_driver=False, logging_level=logging.ERROR,
                    runtime_env=environment,
                )  # fmt: skip
            except Exception as error:  # ConnectionError, RuntimeError and others, depending on Ray's version
                reason = getattr(error, "strerror", None) or str(error)[:200]
                raise OSError(f"the Ray cluster at {address} does not answer: {reason}") from error
    return ray


def _check_that_it_listens(address: str) -> None:
    """Raises OSError unless something listens at HOST:PORT. Ray would ask for minutes, and print a warning each time."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()


class RayWorker:
    """One actor. See `WorkerProcess` for what the methods do."""

    def __init__(self, address: str) -> None:
        """Raises OSError when the cluster cannot be reached."""
        self._ray = _connect(address)
        self._actor = self._ray.remote(Tasks).options(num_cpus=1).remote()
        self.pid = 0
        self.alive = True

    def how_it_ended(self) -> str:
        """A cluster does not say why."""
        return "was lost"

    @property
    def memory_bytes(self) -> int | None:
        """None, because the worker may be on another machine."""
        return None

    def wait_until_ready(self, limit_s: float) -> None:
        """Waits until the worker has started, which includes waiting for a place on the cluster."""
        self.pid = self._result(self._actor.pid.remote(), limit_s, "starting on the cluster", begun=False)

    def run(self, task: str, args: tuple[Any, ...], limit_s: float) -> Any:
        """The task's result. Raises the task's own error, or WorkerDied."""
        self._result(self._actor.pid.remote(), PING_S, in_words(task), begun=False)
        ok, value = self._result(self._actor.run.remote(task, args), limit_s, in_words(task), begun=True)
        if ok:
            return value
        raise value

    def _result(self, reference: Any, limit_s: float, doing: str, begun: bool) -> Any:
        try:
            return self._ray.get(reference, timeout=limit_s)
        except self._ray.exceptions.GetTimeoutError as error:
            self.kill()
            raise WorkerDied(f"did not answer within {limit_s:.0f} s while {doing}", begun, True) from error
        except self._ray.exceptions.RayError as error:
            self.kill()
            first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise WorkerDied(f"was lost while {doing} ({first_line[:200]})", begun, False) from error

    def kill(self, grace_s: float = 0.0) -> None:
        """Ends the actor."""
        self.alive = False
        with contextlib.suppress(Exception):  # the cluster may be gone
            self._ray.kill(self._actor, no_restart=True)

    def close(self) -> None:
        """Ends the actor."""
        self.kill()
