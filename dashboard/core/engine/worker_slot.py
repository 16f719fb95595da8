"""One place of the pool: a thread that keeps one worker alive and feeds it tasks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from dashboard.core.clock import utc_now
from dashboard.core.engine.contract import WorkerStatus
from dashboard.core.engine.queued_task import QueuedTask
from dashboard.core.engine.task_queue import TaskQueue
from dashboard.core.engine.task_words import in_words
from dashboard.core.engine.worker import Worker, WorkerDied
from dashboard.core.errors import Code, DashboardError, WorkerError

FIRST_RESTART_DELAY_S = 0.1
LONGEST_RESTART_DELAY_S = 10.0
LONGEST_DELAY_AFTER_KILL_S = 1.0


class WorkerSlot:
    """A thread that starts a worker, gives it tasks, and replaces it when it dies."""

    def __init__(
        self,
        number: int,
        queue: TaskQueue,
        launch: Callable[[], Worker],
        start_s: float,
        delay_s: float,
        any_hopeful: Callable[[], bool],
    ) -> None:
        """The thread is not started yet.

        Args:
            launch: starts a worker; may raise OSError.
            start_s: seconds that the worker may take to start.
            delay_s: seconds to wait before the first start.
            any_hopeful: whether any slot of the pool is hopeful.
        """
        self._number, self._queue, self._launch = number, queue, launch
        self._start_s, self._delay_s, self._any_hopeful = start_s, delay_s, any_hopeful
        self._worker: Worker | None = None
        self._state, self._fault, self._died_utc, self._task = "starting", "", "", ""
        self._restarts = self._tasks_done = 0
        self.thread = threading.Thread(target=self._loop, name=f"worker-{number}", daemon=True)

    @property
    def hopeful(self) -> bool:
        """True if the worker works, or has not yet failed to start."""
        return self._state in ("idle", "busy") or (self._state == "starting" and not self._fault)

    def status(self) -> WorkerStatus:
        """The state of the worker now."""
        worker, state, task = self._worker, self._state, self._task
        pid, memory = (worker.pid, worker.memory_bytes) if worker else (None, None)
        if worker and state == "idle" and not worker.alive:
            state = "died"
        return WorkerStatus(
            self._number,
            state,
            pid,
            memory,
            self._restarts,
            self._tasks_done,
            self._fault,
            self._died_utc,
            in_words(task) if state == "busy" else "",
        )

    def close(self) -> None:
        """Ends the worker and waits for the thread. The queue must be closed before."""
        worker = self._worker
        if worker:
            worker.kill()
        if self.thread.is_alive() and self.thread is not threading.current_thread():
            # a thread without a worker may wait for an import; it closes what comes of it
            self.thread.join(5.0 if worker else 0.2)

    def _loop(self) -> None:
        self._pause(self._delay_s)
        delay_s = FIRST_RESTART_DELAY_S
        while not self._queue.closed:
            if self._worker is None:
                if death := self._start():
                    self._refuse_one(death)
                    self._pause(delay_s)
                    longest_s = LONGEST_DELAY_AFTER_KILL_S if death.killed else LONGEST_RESTART_DELAY_S
                    delay_s = min(2 * delay_s, longest_s)
                else:
                    delay_s = FIRST_RESTART_DELAY_S
                continue
            task = self._queue.take()
            if not self._worker.alive:
                self._bury(f"{self._worker.how_it_ended()} while idle")
                if task:  # it is not the cause
                    self._queue.put_back(task)
            elif task:
                self._run(task)
        if self._worker:
            self._worker.close()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._queue.closed and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    def _start(self) -> WorkerDied | None:
        """Starts a worker. Returns how it died if that failed, else None."""
        self._state = "starting"
        try:
            self._worker = self._launch()
            if self._queue.closed:  # `close` may have come before the worker was assigned
                self._worker.kill()
            self._worker.wait_until_ready(self._start_s)
        except Exception as error:  # whatever it is, the next start may succeed; RuntimeError: no more threads
            death = error if isinstance(error, WorkerDied) else WorkerDied(f"cannot be started ({error})")
            self._bury(str(death), "failed")
            return death
        self._state = "idle"
        return None

    def _refuse_one(self, death: WorkerDied) -> None:
        """Fails a waiting task when no worker of the pool can be started, so that it does not wait forever."""
        if self._any_hopeful():
            return
        task = self._queue.take()
        if task is None:
            return
        self._again_or_fail(task, death, task.retries.after_failed_start(death, self._any_hopeful))

    def _run(self, task: QueuedTask) -> None:
        assert self._worker is not None
        self._state, self._task = "busy", task.name
        try:
            result = self._worker.run(task.name, task.args, task.timeout_s)
        except WorkerDied as death:
            if self._queue.closed:
                task.abandon()
            else:
                self._bury(str(death))
                self._again_or_fail(task, death, task.retries.after_death(death))
            return
        except DashboardError as error:
            task.future.set_exception(error)
        except Exception as error:  # pickling failed; the pipe is still at the end of a message
            task.future.set_exception(WorkerError(f"{task.name} cannot be passed on: {type(error).__name__}: {error}"))
        else:
            task.future.set_result(result)
        self._tasks_done += 1
        self._state = "idle"

    def _again_or_fail(self, task: QueuedTask, death: WorkerDied, code: Code | None) -> None:
        if code:
            task.fail(death, code)
        else:
            self._queue.put_back(task)

    def _bury(self, reason: str, state: str = "starting") -> None:
        process = ""
        if self._worker:
            process = f" (process {self._worker.pid})"
            self._worker.close()
        if not self._queue.closed:
            # people count from 1, as on the page
            logging.getLogger(__name__).warning("Worker %d%s %s.", self._number + 1, process, reason)
        self._worker, self._state, self._fault, self._died_utc = None, state, reason, utc_now()
        self._restarts += 1
