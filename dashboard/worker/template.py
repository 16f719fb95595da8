"""The template process: imports TensorFlow, then forks a worker for each order on its control socket.

It has a single thread, because a fork copies only the thread that calls it, and it runs no operation of TensorFlow,
because that would start threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import os
import pickle
import select
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from dashboard.core.engine.system import lower_priority
from dashboard.worker.probe import import_tensorflow
from dashboard.worker.serving import serve_dashboard

assert sys.platform != "win32"  # core.engine.system.CAN_FORK; no system without forks starts this program


def import_all() -> None:
    """Imports what a worker needs. A fault of TensorFlow is kept for the tasks that need it."""
    if not isinstance(import_tensorflow(), Exception):
        import dashboard.worker.adding.inspecting
        import dashboard.worker.explanations.explaining
    import dashboard.worker.tasks  # noqa: F401


def serve_orders(control: socket.socket, serve: Callable[[int], None]) -> None:
    """Forks for each order until the other end of the socket is closed. `serve` is a worker's work, given its pipe."""
    while True:
        header, descriptors, _, _ = socket.recv_fds(control, 4, 2)
        if len(header) < 4:
            return
        kind, environment = pickle.loads(_receive(control, int.from_bytes(header, "big")))
        pipe, log = descriptors
        pid = _fork_orphan(partial(_become, kind, environment, control, pipe, log, serve))
        os.close(pipe)
        os.close(log)
        control.sendall(pid.to_bytes(4, "big"))


def _become(
    kind: str, environment: dict[str, str], control: socket.socket, pipe: int, log: int, serve: Callable[[int], None]
) -> None:
    control.close()
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it was read from the template's environment
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    _name_process(kind)
    if kind == "template":
        serve_orders(socket.socket(fileno=pipe), serve)
    else:
        serve(pipe)


def _fork_orphan(work: Callable[[], None]) -> int:
    """Forks a process that does `work` and whose parent ends at once, so that the server becomes its parent.

    Returns its process id; 0 if the system starts no process, which is then in the log. Raises OSError.
    """
    reader, writer = os.pipe()
    if parent := os.fork():
        os.close(writer)
        pid = int.from_bytes(os.read(reader, 4), "big")
        os.close(reader)
        os.waitpid(parent, 0)
        return pid
    try:
        if pid := os.fork():
            os.write(writer, pid.to_bytes(4, "big"))
            os._exit(0)
        os.close(reader)
        os.close(writer)
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _receive(control: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = control.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _name_process(kind: str) -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(f"dash-{kind}", encoding="ascii")  # at most 15 characters


def _prepare_and_watch(prepare: Callable[[], None], control: socket.socket) -> None:
    """Calls `prepare`; ends this process if the server ends meanwhile."""
    stop_reader, stop_writer = os.pipe()
    closed = select.poll()
    closed.register(control, 0)
    closed.register(stop_reader, select.POLLIN)

    def watch() -> None:
        if any(descriptor == control.fileno() for descriptor, _ in closed.poll()):
            os._exit(0)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        prepare()
    finally:  # otherwise a process whose import fails would wait for its thread
        os.write(stop_writer, b".")
        watching.join()
        os.close(stop_reader)
        os.close(stop_writer)


def release_code() -> None:
    """Unmaps the program code that importing has loaded, because a process that only forks hardly runs any of it.

    The code stays in the system's page cache, and a worker maps what it runs. Pages that were written to are kept.
    """
    libc = ctypes.CDLL(None)
    with contextlib.suppress(psutil.Error, OSError):  # the system does not show the mappings; they only cost memory
        for mapping in psutil.Process().memory_maps(grouped=False):
            written = mapping.private_dirty or mapping.shared_dirty or mapping.anonymous
            if mapping.path.startswith("/") and mapping.perms in ("r-xp", "r--p") and not written:
                first, last = (int(address, 16) for address in mapping.addr.split("-"))
                libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_DONTNEED)


def main(prepare: Callable[[], None], serve: Callable[[int], None]) -> None:
    """Tells first how many threads there are, then serves orders. The program's argument is the control socket."""
    lower_priority()
    _name_process("template")
    control = socket.socket(fileno=int(sys.argv[1]))
    _prepare_and_watch(prepare, control)
    gc.collect()
    gc.freeze()  # the collector would write to the pages that forks share
    release_code()
    control.sendall(len(list(Path("/proc/self/task").iterdir())).to_bytes(4, "big"))
    serve_orders(control, serve)


if __name__ == "__main__":
    main(import_all, serve_dashboard)
