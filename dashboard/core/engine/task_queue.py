"""The tasks that wait for a worker."""

from __future__ import annotations

import heapq
import threading

from dashboard.core.engine.queued_task import QueuedTask

IDLE_CHECK_S = 0.5


class TaskQueue:
    """The most urgent task first. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[QueuedTask] = []
        self._closed = False

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._closed

    def put(self, task: QueuedTask) -> bool:
        """Adds a task. False if the queue is closed."""
        with self._changed:
            if not self._closed:
                heapq.heappush(self._waiting, task)
                self._changed.notify()
            return not self._closed

    def put_back(self, task: QueuedTask) -> None:
        """Adds a task that was taken before, or abandons it if the queue is closed."""
        if not self.put(task):
            task.abandon()

    def take(self) -> QueuedTask | None:
        """The next task that was not cancelled; None if there is none for `IDLE_CHECK_S`, or when closed."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(IDLE_CHECK_S)
            while self._waiting:
                task = heapq.heappop(self._waiting)
                if task.begin():
                    return task
            return None

    def close(self) -> None:
        """Abandons all waiting tasks and takes no more."""
        with self._changed:
            self._closed = True
            abandoned, self._waiting = self._waiting, []
            self._changed.notify_all()
        for task in abandoned:
            task.abandon()
