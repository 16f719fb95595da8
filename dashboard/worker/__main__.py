"""A worker process: imports TensorFlow, then does the tasks that come through its pipe until that closes."""

from __future__ import annotations

import os
import sys
import threading
import time
from multiprocessing.connection import Connection


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main(descriptor: int) -> None:
    threading.Thread(target=_die_with_parent, args=(os.getppid(),), daemon=True).start()
    pipe = Connection(descriptor)
    from dashboard.core.errors import DashboardError, WorkerError
    from dashboard.worker import tasks

    tasks.warm_up()
    try:
        pipe.send("ready")
        while True:
            task, args = pipe.recv()
            try:
                answer = (True, tasks.TASKS[task](*args))
            except DashboardError as error:
                answer = (False, error)
            except Exception as error:  # told to the caller; the worker itself is fine
                answer = (False, WorkerError(f"{task} failed: {type(error).__name__}: {error}"))
            pipe.send(answer)
    except (EOFError, ConnectionError):
        return  # the server is gone or has closed the pipe


if __name__ == "__main__":
    main(int(sys.argv[1]))
