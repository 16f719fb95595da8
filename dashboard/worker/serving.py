"""Does the tasks that come through a worker's pipe until that closes."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from dashboard.core.engine.run_task import run_task

NICENESS = 5  # the pages stay quick while workers import TensorFlow or compute


def end_with(descriptor: int) -> None:
    """Ends this process as soon as the other end of the socket is closed, by its owner or by the owner's death."""
    closed = select.poll()
    closed.register(descriptor, 0)  # only POLLHUP, which is always reported

    def watch() -> None:
        closed.poll()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def serve(
    descriptor: int,
    tasks: Mapping[str, Callable[..., Any]],
    prepare: Callable[[], None],
    prepare_for: Callable[[str, tuple[Any, ...]], None] = lambda task, args: None,
) -> None:
    """Does tasks until the other end of the pipe is closed; ends at once when the server closes it or dies.

    Args:
        prepare: is called once, before the worker is ready.
        prepare_for: is called with each task before it counts as begun, and so as the cause when the process ends.
    """
    end_with(descriptor)
    pipe = Connection(descriptor)
    prepare()
    try:
        pipe.send("ready")
        while True:
            task, args = pipe.recv()
            prepare_for(task, args)
            pipe.send("begun")
            pipe.send(run_task(tasks, task, args))
    except (EOFError, ConnectionError):
        return  # the server is gone or has closed the pipe


def serve_dashboard(descriptor: int) -> None:
    """Serves the tasks of the dashboard."""
    from dashboard.worker.predicting import load_for_chunk
    from dashboard.worker.probe import warm_up
    from dashboard.worker.tasks import TASKS

    serve(descriptor, TASKS, warm_up, load_for_chunk)
