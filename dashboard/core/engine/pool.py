"""The engine on this machine: one thread and one private pipe per worker.

Because the pipe is private, the death of a worker affects only its own task, and that task is tried again.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from dashboard.core.engine.contract import ATTEMPTS, YIELDS_S, WorkerStatus
from dashboard.core.engine.launching import forks, launch
from dashboard.core.engine.process import WorkerProcess, interpreter
from dashboard.core.engine.queued_task import QueuedTask
from dashboard.core.engine.retries import Retries
from dashboard.core.engine.task_queue import TaskQueue
from dashboard.core.engine.worker import Worker
from dashboard.core.engine.worker_slot import WorkerSlot
from dashboard.core.errors import WorkerError
from dashboard.core.settings import TASK_S, WORKER_START_S

STAGGER_S = 4.0  # seconds between the first starts: one import of TensorFlow at a time leaves a core for the first page


class WorkerPool:
    """`size` workers that start in the background and are replaced when they die. Thread-safe; see `Engine`."""

    def __init__(
        self,
        size: int,
        start_s: float = WORKER_START_S,
        task_s: float = TASK_S,
        command: Sequence[str] | None = None,
        stagger_s: float = STAGGER_S,
        worker: Callable[[], Worker] | None = None,
        at_once: bool = True,
    ) -> None:
        """Workers are processes as the settings say, or interpreters that run `command`, or what `worker` returns.

        Args:
            size: number of workers.
            start_s: seconds that a worker may take to start.
            task_s: seconds that a task may take if `submit` gives no limit.
            stagger_s: seconds between the first starts of two interpreters.
            worker: starts a worker; may raise OSError and WorkerDied.
            at_once: start the workers now; otherwise with the first task.
        """
        self._start_s, self._task_s = start_s, task_s
        threads_each = max(1, (os.cpu_count() or 1) // size)
        if command:
            worker = partial(WorkerProcess, interpreter(command), threads_each)
        elif worker is None:
            worker = partial(launch, threads_each, start_s)
            stagger_s = 0 if forks() else stagger_s
        self._queue = TaskQueue()
        self._arrivals = itertools.count()
        self._slots = [
            WorkerSlot(number, self._queue, worker, start_s, stagger_s * number, self._any_hopeful)
            for number in range(size)
        ]
        self._lock = threading.Lock()
        self._started = False
        if at_once:
            self.start()

    @property
    def size(self) -> int:
        """See `Engine`."""
        return len(self._slots)

    def start(self) -> None:
        """Starts the workers in the background, if they have not been started yet."""
        with self._lock:
            begin, self._started = not self._started and not self._queue.closed, True
        if begin:
            for slot in self._slots:
                slot.thread.start()

    def submit(
        self,
        task: str,
        *args: Any,
        urgent: bool = False,
        slow: bool = False,
        timeout_s: float | None = None,
        attempts: int = ATTEMPTS,
    ) -> Future[Any]:
        """See `Engine`."""
        retries = Retries(attempts, urgent, patience_s=self._start_s)
        order = (not urgent, time.monotonic() + (YIELDS_S if slow else 0.0), next(self._arrivals))
        queued = QueuedTask(order, task, args, timeout_s or self._task_s, retries)
        self.start()
        if not self._queue.put(queued):
            raise WorkerError("The workers have been shut down.", "Restart the dashboard.", "engine_closed")
        return queued.future

    def workers(self) -> list[WorkerStatus]:
        """See `Engine`."""
        return [slot.status() for slot in self._slots]

    def close(self) -> None:
        """See `Engine`."""
        self._queue.close()
        for slot in self._slots:
            slot.close()

    def _any_hopeful(self) -> bool:
        return any(slot.hopeful for slot in self._slots)
