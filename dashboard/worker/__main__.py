"""A worker process: imports TensorFlow, then does the tasks that come through its pipe until that closes."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from dashboard.core.engine.run_task import run_task

NICENESS = 5  # the pages stay quick while workers import TensorFlow or compute


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def serve(
    descriptor: int,
    tasks: Mapping[str, Callable[..., Any]],
    prepare: Callable[[], None],
    prepare_for: Callable[[str, tuple[Any, ...]], None] = lambda task, args: None,
) -> None:
    """Does tasks until the other end of the pipe is closed; ends at once when the parent process has died.

    Args:
        prepare: is called once, before the worker is ready.
        prepare_for: is called with each task before it counts as begun, and so as the cause when the process ends.
    """
    parent = int(os.environ.get("DASHBOARD_PARENT_PID", os.getppid()))
    threading.Thread(target=_die_with_parent, args=(parent,), daemon=True).start()
    os.nice(NICENESS)
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


def main() -> None:
    """Serves the tasks of the dashboard; the argument is the descriptor of the pipe."""
    from dashboard.worker.predicting import load_for_chunk
    from dashboard.worker.probe import warm_up
    from dashboard.worker.tasks import TASKS

    serve(int(sys.argv[1]), TASKS, warm_up, load_for_chunk)


if __name__ == "__main__":
    main()
