"""What the tests let an emulated process do: `python -m tests.windows.program NAME [FOLDER]`."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import threading
import time
from pathlib import Path

import psutil

import dashboard

POSIX_ONLY = {"dashboard.worker.template"}  # a program that only forks; nothing imports it


def import_all(folder: Path) -> None:
    """Imports every module, and prints how many could be imported."""
    names = [found.name for found in pkgutil.walk_packages(dashboard.__path__, "dashboard.")]
    for name in names:
        if not name.endswith("__main__") and name not in POSIX_ONLY:
            importlib.import_module(name)
    importlib.import_module("app")
    print(len(names))


def is_emulated(folder: Path) -> None:
    """Checks that the dashboard sees Windows here, and that libraries do not."""
    from dashboard.core.engine import process, system

    assert (system.os.name, system.sys.platform, os.name) == ("nt", "win32", "posix")
    assert not hasattr(system.os, "fork") and hasattr(os, "fork") and not hasattr(process.signal, "SIGKILL")
    system.lower_priority()
    assert psutil.Process().nice() == 10
    imported = compile("import fcntl", "x.py", "exec")
    try:
        exec(imported, {"__name__": "dashboard.x"})
    except ModuleNotFoundError:
        exec(imported, {"__name__": "x"})
    else:
        raise AssertionError("fcntl was imported")
    with (folder / "a").open("w") as _:
        for refused in (lambda: (folder / "a").unlink(), lambda: (folder / "a").rename(folder / "b")):
            try:
                refused()
            except PermissionError:
                continue
            raise AssertionError("an open file was removed")
    for name in ("a:b", "aux.txt", "c."):
        try:
            (folder / name).write_text("")
        except OSError:
            continue
        raise AssertionError(f"{name} was created")


def kill_workers(folder: Path) -> None:
    """Prints what comes of a task whose worker is killed once, and of one that kills each worker."""
    from dashboard.core.engine.launching import forks
    from dashboard.core.engine.pool import WorkerPool
    from dashboard.core.errors import WorkerError
    from tests.worker.hostile_worker import COMMAND

    pool = WorkerPool(1, command=COMMAND)
    print(forks(), pool.submit("die_once", folder / "marker").result(60))
    try:
        pool.submit("die").result(60)
    except WorkerError as error:
        print(error.code)
    print(pool.submit("add", 2, 3).result(60))
    pool.close()


def wait_for_death(folder: Path) -> None:
    """Prints the process id of a worker, then sleeps."""
    from dashboard.core.engine.process import WorkerProcess, interpreter
    from tests.worker.hostile_worker import COMMAND

    worker = WorkerProcess(interpreter(COMMAND), threads=1)
    worker.wait_until_ready(60)
    threading.Thread(target=worker.run, args=("sleep", (60,), 60), daemon=True).start()
    print(worker.pid, flush=True)
    time.sleep(60)


def own_run(folder: Path) -> None:
    """Takes the run in this folder, says so, and keeps it."""
    from dashboard.core.errors import DatasetError
    from dashboard.core.runs.owner import RunOwner

    try:
        owner = RunOwner(folder)
    except DatasetError as error:
        print(error.message)
        return
    print(os.getpid(), flush=True)
    sys.stdin.read()
    owner.release()


def replace_what_is_read(folder: Path) -> None:
    """Writes files that a reader has open: a manifest that is read for a moment, and rows that a page has mapped."""
    from dashboard.core.files import write_atomically
    from dashboard.core.runs.store import RunStore
    from tests.run_rows import manifest, ok, table_of

    path = folder / "file"
    path.write_text("old")
    reader = path.open()
    threading.Timer(0.2, reader.close).start()
    write_atomically(path, b"new")
    print(path.read_text())
    store = RunStore(folder / "runs")
    owner = store.begin(manifest(n_images=4))
    run = store.folder(manifest().run_id)
    run.add_part(0, table_of([ok(i, "cat", "cat") for i in range(4)]))
    mapped = (run.path / "part-0000000.parquet").open("rb")
    run.rows.pack(run.load().files)
    print(len(run.load().table))
    mapped.close()
    owner.release()
    store.delete(manifest().run_id)
    print(run.path.exists())


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]) if len(sys.argv) > 2 else Path())
