"""Soak test of forked workers: `python -m tests.benchmarks.forks [FORKS]`.

Each worker loads the active model, predicts the same picture and is killed. All answers must be the same.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from statistics import median

from rich.progress import track

from dashboard.core.engine.launching import forks, template
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Failure
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import get_settings
from dashboard.core.shell import ROOT


def answers_of(n: int, version: ModelVersion, file: bytes) -> tuple[set[bytes], list[float]]:
    """The different answers of n workers, and how many seconds after the kill of the last worker each came."""
    answers, seconds = set(), []
    pool = WorkerPool(1)
    try:
        Inference(pool).predict(version, [file])
        for _ in track(range(n), "Forking", disable=n < 100):
            [worker] = pool.workers()
            assert worker.pid
            os.kill(worker.pid, signal.SIGKILL)
            start = time.perf_counter()
            [answer] = Inference(pool).predict(version, [file])
            assert not isinstance(answer, Failure)
            seconds.append(time.perf_counter() - start)
            answers.add(answer.pred_probs.tobytes())
    finally:
        pool.close()
    return answers, seconds


def main() -> None:
    """Prints how many different answers there were, and how long they took."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    settings = get_settings()
    version = Registry(settings.models_dir, settings.model).get("")
    assert forks(), "workers are not forked here"
    answers, seconds = answers_of(n, version, next((ROOT / "data" / "samples").rglob("*.png")).read_bytes())
    print(f"{version.ref}: {n:,} forks, {len(answers)} different answers")
    print(f"From the kill to the next worker's answer: median {median(seconds):.2f} s, longest {max(seconds):.2f} s")
    template.close()
    sys.exit(len(answers) != 1)


if __name__ == "__main__":
    main()
