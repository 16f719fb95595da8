"""The embedded engine: one thread a worker, one private pipe a worker.

Each worker is an interpreter of its own (`python -m dashboard.worker`): multiprocessing's children would run the page
script again, because Streamlit puts it in the place of `__main__`. With a private pipe the death of a worker, idle or
busy, concerns its own task only, and that is tried again.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

import psutil

from dashboard.core.engine import WorkerStatus
from dashboard.core.errors import Cancelled, DashboardError, WorkerError

ATTEMPTS = 2  # a task whose worker dies this often is given up
FIRST_RESTART_DELAY_S = 0.1
LONGEST_RESTART_DELAY_S = 10.0
IDLE_CHECK_S = 0.5
ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "dashboard.worker")


class _Job:
    """A submitted task. Sorted by urgency, then by arrival."""

    def __init__(self, order: tuple[bool, int], task: str, args: tuple[Any, ...], timeout_s: float) -> None:
        self.order, self.task, self.args, self.timeout_s = order, task, args, timeout_s
        self.future: Future[Any] = Future()
        self.deaths = 0
        self._begun = False

    def __lt__(self, other: _Job) -> bool:
        return self.order < other.order

    def begin(self) -> bool:
        """False when it was cancelled before; one that comes back to the queue has begun already."""
        self._begun = self._begun or self.future.set_running_or_notify_cancel()
        return self._begun

    def abandon(self) -> None:
        """Fails it, because the pool is closed."""
        if self.begin():
            self.future.set_exception(Cancelled("The dashboard is shutting down."))


class _Died(Exception):
    """The worker process ended or was ended; the text says how."""


class _Worker:
    """One worker process and our end of its pipe."""

    def __init__(self, command: Sequence[str], threads: int, start_s: float) -> None:
        ours, theirs = socket.socketpair()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        environment = {
            **os.environ,
            "DASHBOARD_WORKER_THREADS": str(threads),
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        }
        try:
            self.process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], cwd=ROOT, env=environment,
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            )  # fmt: skip
        except OSError:
            ours.close()
            self._log.close()
            raise
        finally:
            theirs.close()
        self._pipe = Connection(ours.detach())
        self._start_s = start_s

    def wait_until_ready(self) -> None:
        """Raises _Died when the worker ends, or takes too long, while it imports TensorFlow."""
        self._receive(self._start_s, "importing TensorFlow")

    def run(self, job: _Job) -> Any:
        """The task's result. Raises the task's own error, or _Died."""
        try:
            self._pipe.send((job.task, job.args))
        except OSError as error:
            raise _Died(self._how_it_ended()) from error
        ok, value = self._receive(job.timeout_s, job.task)
        if ok:
            return value
        raise value

    def _receive(self, limit_s: float, doing: str) -> Any:
        try:
            if not self._pipe.poll(limit_s):
                self.kill()
                raise _Died(f"did not answer within {limit_s:.0f} s while {doing}")
            return self._pipe.recv()
        except (EOFError, OSError) as error:  # OSError also when it dies in the middle of its answer
            raise _Died(f"{self._how_it_ended()} while {doing}") from error

    def _how_it_ended(self) -> str:
        self.kill(grace_s=2.0)
        code = self.process.returncode
        if code >= 0:
            how = f"exited with code {code}"
        else:
            with contextlib.suppress(ValueError):
                return f"was killed by {signal.Signals(-code).name}"
            how = f"was killed by signal {-code}"
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"{how} ({last[0][:300]})" if last else how

    def kill(self, grace_s: float = 0.0) -> None:
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self._pipe.close()
        self.kill()
        self._log.close()


class WorkerPool:
    """`size` workers that are started in the background and replaced when they die. Thread-safe; see `Engine`."""

    def __init__(
        self, size: int, start_s: float = 120.0, task_s: float = 120.0, command: Sequence[str] = COMMAND
    ) -> None:
        self._start_s, self._task_s, self._command = start_s, task_s, command
        self._threads_each = max(1, (os.cpu_count() or 1) // size)
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._arrivals = itertools.count()
        self._closed = False
        self._slots = [_Slot(self, i) for i in range(size)]
        for slot in self._slots:
            slot.thread.start()

    def submit(self, task: str, *args: Any, urgent: bool = False, timeout_s: float | None = None) -> Future[Any]:
        """See `Engine`."""
        job = _Job((not urgent, next(self._arrivals)), task, args, timeout_s or self._task_s)
        if not self._give(job):
            raise WorkerError("The workers have been shut down.", "Restart the dashboard.")
        return job.future

    def workers(self) -> list[WorkerStatus]:
        """See `Engine`."""
        return [slot.status() for slot in self._slots]

    def close(self) -> None:
        """See `Engine`."""
        with self._changed:
            self._closed = True
            abandoned, self._waiting = self._waiting, []
            self._changed.notify_all()
        for job in abandoned:
            job.abandon()
        for slot in self._slots:
            slot.close()

    def _give(self, job: _Job) -> bool:
        """False when the pool is closed."""
        with self._changed:
            if not self._closed:
                heapq.heappush(self._waiting, job)
                self._changed.notify()
            return not self._closed

    def _give_back(self, job: _Job) -> None:
        if not self._give(job):
            job.abandon()

    def _take(self) -> _Job | None:
        """The next job, or None after a short while, or when closed."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(IDLE_CHECK_S)
            while self._waiting:
                job = heapq.heappop(self._waiting)
                if job.begin():
                    return job
            return None

    def _after_death(self, job: _Job, reason: str, code: str | None = None) -> None:
        job.deaths += 1
        if job.deaths < ATTEMPTS:
            self._give_back(job)
        else:
            what = "predictions" if job.task != "probe_tensorflow" else "TensorFlow"
            job.future.set_exception(
                WorkerError(
                    f"The worker process for {what} {reason}.",
                    "Try again; if it stays so, open Diagnostics or run `python -m dashboard doctor`.",
                    code,
                )
            )


class _Slot:
    """A thread that keeps one worker alive and feeds it."""

    def __init__(self, pool: WorkerPool, number: int) -> None:
        self._pool, self._number = pool, number
        self._worker: _Worker | None = None
        self._state, self._fault = "starting", ""
        self._restarts = self._tasks_done = 0
        self.thread = threading.Thread(target=self._loop, name=f"worker-{number}", daemon=True)

    def status(self) -> WorkerStatus:
        worker = self._worker
        memory = None
        if worker is not None:
            with contextlib.suppress(psutil.Error):
                memory = psutil.Process(worker.process.pid).memory_info().rss
        pid = worker.process.pid if worker else None
        return WorkerStatus(self._number, self._state, pid, memory, self._restarts, self._tasks_done, self._fault)

    def close(self) -> None:
        if worker := self._worker:
            worker.kill()
        if self.thread is not threading.current_thread():
            self.thread.join(5.0)

    def _loop(self) -> None:
        # one import of TensorFlow at a time leaves a core for the first page
        self._pause(1.5 * self._number)
        delay_s = FIRST_RESTART_DELAY_S
        while not self._pool._closed:
            if self._worker is None:
                if self._start():
                    delay_s = FIRST_RESTART_DELAY_S
                else:
                    self._refuse_one()
                    self._pause(delay_s)
                    delay_s = min(2 * delay_s, LONGEST_RESTART_DELAY_S)
                continue
            job = self._pool._take()
            if self._worker.process.poll() is not None:
                self._bury("died while idle")
                if job:  # not its fault
                    self._pool._give_back(job)
            elif job:
                self._run(job)
        if self._worker:
            self._worker.close()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._pool._closed and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    def _start(self) -> bool:
        self._state = "starting"
        try:
            self._worker = _Worker(self._pool._command, self._pool._threads_each, self._pool._start_s)
            if self._pool._closed:  # perhaps too late for close() to see it
                self._worker.kill()
            self._worker.wait_until_ready()
        except _Died as death:
            self._bury(str(death), "failed")
            return False
        except OSError as error:
            self._bury(f"cannot be started ({error})", "failed")
            return False
        self._state = "idle"
        return True

    def _refuse_one(self) -> None:
        """No worker can be started anywhere: let one waiting task know, rather than let it wait forever."""
        if any(slot._state in ("idle", "busy") for slot in self._pool._slots):
            return
        job = self._pool._take()
        if job:
            self._pool._after_death(job, self._fault, "worker_unavailable")

    def _run(self, job: _Job) -> None:
        assert self._worker is not None
        self._state = "busy"
        try:
            result = self._worker.run(job)
        except _Died as death:
            if self._pool._closed:
                job.abandon()
            else:
                self._bury(str(death))
                self._pool._after_death(job, str(death))
            return
        except DashboardError as error:
            job.future.set_exception(error)
        except Exception as error:  # what cannot be pickled or unpickled; the pipe is at a message's end all the same
            job.future.set_exception(WorkerError(f"{job.task} cannot be passed on: {type(error).__name__}: {error}"))
        else:
            job.future.set_result(result)
        self._tasks_done += 1
        self._state = "idle"

    def _bury(self, reason: str, state: str = "starting") -> None:
        if self._worker:
            self._worker.close()
        self._worker, self._state, self._fault = None, state, reason
        self._restarts += 1
