"""Does the tasks that come through a worker's pipe until that closes."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

from dashboard.core.engine.run_task import run_task
from dashboard.core.engine.system import PipeEnd, open_inherited


def _received(pipe: PipeEnd) -> SimpleQueue[bytes]:
    """What comes through the pipe. Ends this process as soon as the other end is closed, by its owner or its death."""
    messages: SimpleQueue[bytes] = SimpleQueue()

    def receive() -> None:
        try:
            while True:
                messages.put(pipe.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    return messages


def serve(
    number: int,
    tasks: Mapping[str, Callable[..., Any]],
    prepare: Callable[[], None],
    prepare_for: Callable[[str, tuple[Any, ...]], None] = lambda task, args: None,
) -> None:
    """Does tasks until the other end of the pipe is closed; ends at once when the server closes it or dies.

    Args:
        number: of this process's end of the pipe.
        prepare: is called once, before the worker is ready.
        prepare_for: is called with each task before it counts as begun, and so as the cause when the process ends.
    """
    pipe = open_inherited(number)
    messages = _received(pipe)
    prepare()
    try:
        pipe.send("ready")
        while True:
            task, args = pickle.loads(messages.get())
            prepare_for(task, args)
            pipe.send("begun")
            pipe.send(run_task(tasks, task, args))
    except ConnectionError:
        return  # the server is gone or has closed the pipe


def serve_dashboard(number: int) -> None:
    """Serves the tasks of the dashboard."""
    from dashboard.worker.predicting import load_for_chunk
    from dashboard.worker.probe import warm_up
    from dashboard.worker.tasks import TASKS

    serve(number, TASKS, warm_up, load_for_chunk)
