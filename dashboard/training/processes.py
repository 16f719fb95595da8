"""Processes that prepare images. Threads would wait for each other, because this work holds Python's global lock."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import cv2

from dashboard.core.errors import WorkerError


@contextmanager
def processes(count: int, prepare: Callable[..., None] | None = None, *given: Any) -> Iterator[ProcessPoolExecutor]:
    """A pool of `count` processes. Each first calls `prepare`. They end with this process, even if it is killed.

    Raises:
        WorkerError: one of the processes was killed.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the locks of TensorFlow's threads
    try:
        with ProcessPoolExecutor(count, spawn, initializer=_begin, initargs=(prepare, given)) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise WorkerError(
            "A process that prepares images was killed, perhaps because memory ran out.",
            "Run the same command again. It resumes after the last finished epoch.",
        ) from error


def _begin(prepare: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the training process handles Ctrl-C
    cv2.setNumThreads(1)  # there is one process per core, so more threads would wait for each other
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare:
        prepare(*given)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
