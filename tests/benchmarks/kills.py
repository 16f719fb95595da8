"""An evaluation whose workers are killed all the time: `python -m tests.benchmarks.kills [SECONDS] [IMAGES]`.

The same images are evaluated twice, undisturbed and with a SIGKILL every SECONDS (2) for one of the workers, the template
and its spare, at random, whatever it does. Fails unless both give the same rows.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from pandas.testing import assert_frame_equal

from dashboard.core.engine.launching import template
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.models.registry import Registry
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from tests.benchmarks.evaluate import make_zip
from tests.core.engine.test_pool import runs
from tests.evaluating import evaluate


def kill_all_the_time(pool: WorkerPool, every_s: float, over: threading.Event) -> None:
    """Until `over` is set."""
    chance = random.Random(0)
    while not over.wait(every_s):
        pids = [*template.processes(), *(worker.pid for worker in pool.workers() if worker.pid)]
        if alive := [pid for pid in pids if runs(pid)]:
            os.kill(chance.choice(alive), signal.SIGKILL)


def main() -> None:
    """Prints how long both evaluations took and how many workers were lost."""
    every_s = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    images = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
    settings = get_settings()
    version = Registry(settings.models_dir, settings.model).get("")
    pool, over, tables = WorkerPool(settings.workers), threading.Event(), []
    killer = threading.Thread(target=kill_all_the_time, args=(pool, every_s, over), daemon=True)
    with tempfile.TemporaryDirectory() as folder:
        path = make_zip(Path(folder) / "images.zip", images, version.preprocessing.height, version.preprocessing.width)
        for disturbed in (False, True):
            if disturbed:
                killer.start()
            store, start = RunStore(Path(folder) / f"runs-{disturbed}"), time.perf_counter()
            manifest = evaluate(path, version, pool, store)
            lost = sum(worker.restarts for worker in pool.workers())
            print(
                f"{version.ref}, {images:,} images: {time.perf_counter() - start:.0f} s, {lost} workers lost",
                flush=True,
            )
            tables.append(store.folder(manifest.run_id).load().table)
        over.set()
    pool.close()
    assert_frame_equal(*tables)
    print("The rows are the same.")


if __name__ == "__main__":
    main()
