"""The embedded engine: one thread a worker, one private pipe a worker.

With a private pipe the death of a worker, idle or busy, concerns its own task only, and that is tried again.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from dashboard.core.engine.contract import ATTEMPTS, WorkerStatus
from dashboard.core.engine.process import COMMAND, WorkerProcess
from dashboard.core.engine.queued_task import LOSSES, REFUSALS, QueuedTask
from dashboard.core.engine.worker import Worker, WorkerDied
from dashboard.core.errors import DashboardError, WorkerError

FIRST_RESTART_DELAY_S = 0.1
LONGEST_RESTART_DELAY_S = 10.0
LONGEST_DELAY_AFTER_KILL_S = 1.0
IDLE_CHECK_S = 0.5
STAGGER_S = 4.0  # between the first starts: one import of TensorFlow at a time leaves a core for the first page


class WorkerPool:
    """`size` workers that start in the background and are replaced when they die. Thread-safe; see `Engine`."""

    def __init__(
        self,
        size: int,
        start_s: float = 120.0,
        task_s: float = 120.0,
        command: Sequence[str] = COMMAND,
        stagger_s: float = STAGGER_S,
        launch: Callable[[], Worker] | None = None,
        at_once: bool = True,
    ) -> None:
        """Workers are processes of this machine that run `command`, or what `launch` gives; it may raise OSError.

        Args:
            size: number of workers.
            start_s: how long a worker may take to start.
            task_s: how long a task may take for which `submit` gives no limit.
            stagger_s: between the first starts of two workers.
            at_once: start the workers now; otherwise with the first task.
        """
        self._start_s, self._task_s, self._stagger_s = start_s, task_s, stagger_s
        threads_each = max(1, (os.cpu_count() or 1) // size)
        self._launch: Callable[[], Worker] = launch or (lambda: WorkerProcess(command, threads_each))
        self._changed = threading.Condition()
        self._waiting: list[QueuedTask] = []
        self._arrivals = itertools.count()
        self._closed = False
        self._slots = [_Slot(self, i) for i in range(size)]
        self._started = False
        if at_once:
            self.start()

    def start(self) -> None:
        """Starts the workers in the background, if they have not been started yet."""
        with self._changed:
            begin, self._started = not self._started and not self._closed, True
        if begin:
            for slot in self._slots:
                slot.thread.start()

    def submit(
        self, task: str, *args: Any, urgent: bool = False, timeout_s: float | None = None, attempts: int = ATTEMPTS
    ) -> Future[Any]:
        """See `Engine`."""
        job = QueuedTask((not urgent, next(self._arrivals)), task, args, timeout_s or self._task_s, attempts)
        self.start()
        if not self._give(job):
            raise WorkerError("The workers have been shut down.", "Restart the dashboard.", "engine_closed")
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

    def _give(self, job: QueuedTask) -> bool:
        """False when the pool is closed."""
        with self._changed:
            if not self._closed:
                heapq.heappush(self._waiting, job)
                self._changed.notify()
            return not self._closed

    def _give_back(self, job: QueuedTask) -> None:
        if not self._give(job):
            job.abandon()

    def _take(self) -> QueuedTask | None:
        """The next job, or None after a short while, or when closed."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(IDLE_CHECK_S)
            while self._waiting:
                job = heapq.heappop(self._waiting)
                if job.begin():
                    return job
            return None

    def _after_death(self, job: QueuedTask, death: WorkerDied) -> None:
        if death.begun:
            job.deaths += 1
        else:  # not the task's fault, so not one of its attempts
            job.losses += 1
        if job.deaths < job.attempts and (job.losses < LOSSES or job.can_wait(death, self._start_s)):
            self._give_back(job)
        elif not death.begun:
            job.fail(str(death), "worker_lost")
        else:
            job.fail(str(death), "worker_hung" if death.overran else "worker_failed")

    def _refuse_one(self, death: WorkerDied) -> None:
        """No worker can be started: lets a waiting task know, rather than let it wait forever."""
        if any(slot.hopeful for slot in self._slots):
            return
        job = self._take()
        if job is None:
            return
        job.refusals += 1
        hope = any(slot.hopeful for slot in self._slots) or job.can_wait(death, self._start_s)
        if job.refusals < REFUSALS or hope:
            self._give_back(job)
        else:
            job.fail(str(death), "worker_unavailable")


class _Slot:
    """A thread that keeps one worker alive and feeds it."""

    def __init__(self, pool: WorkerPool, number: int) -> None:
        self._pool, self._number = pool, number
        self._worker: Worker | None = None
        self._state, self._fault = "starting", ""
        self._restarts = self._tasks_done = 0
        self.thread = threading.Thread(target=self._loop, name=f"worker-{number}", daemon=True)

    @property
    def hopeful(self) -> bool:
        """It works, or has not yet failed to start."""
        return self._state in ("idle", "busy") or (self._state == "starting" and not self._fault)

    def status(self) -> WorkerStatus:
        worker = self._worker
        pid, memory = (worker.pid, worker.memory_bytes) if worker else (None, None)
        return WorkerStatus(self._number, self._state, pid, memory, self._restarts, self._tasks_done, self._fault)

    def close(self) -> None:
        if worker := self._worker:
            worker.kill()
        if self.thread.is_alive() and self.thread is not threading.current_thread():
            self.thread.join(5.0)

    def _loop(self) -> None:
        self._pause(self._pool._stagger_s * self._number)
        delay_s = FIRST_RESTART_DELAY_S
        while not self._pool._closed:
            if self._worker is None:
                if death := self._start():
                    self._pool._refuse_one(death)
                    self._pause(delay_s)
                    longest_s = LONGEST_DELAY_AFTER_KILL_S if death.killed else LONGEST_RESTART_DELAY_S
                    delay_s = min(2 * delay_s, longest_s)
                else:
                    delay_s = FIRST_RESTART_DELAY_S
                continue
            job = self._pool._take()
            if not self._worker.alive:
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

    def _start(self) -> WorkerDied | None:
        """Why there is no worker; None when there is one."""
        self._state = "starting"
        try:
            self._worker = self._pool._launch()
            if self._pool._closed:  # perhaps too late for close() to see it
                self._worker.kill()
            self._worker.wait_until_ready(self._pool._start_s)
        except (WorkerDied, OSError) as error:
            death = error if isinstance(error, WorkerDied) else WorkerDied(f"cannot be started ({error})")
            self._bury(str(death), "failed")
            return death
        self._state = "idle"
        return None

    def _run(self, job: QueuedTask) -> None:
        assert self._worker is not None
        self._state = "busy"
        try:
            result = self._worker.run(job.task, job.args, job.timeout_s)
        except WorkerDied as death:
            if self._pool._closed:
                job.abandon()
            else:
                self._bury(str(death))
                self._pool._after_death(job, death)
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
