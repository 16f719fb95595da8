"""What an evaluation costs beside the model's own arithmetic: `python -m tests.benchmarks.evaluate`.

    --images 8000      PNG files in the ZIP
    --model REF        a version of the registry; the active one by default
    --workers N        as DASHBOARD_WORKERS
    --memory           also: peak memory of server and workers for 50,000 images against 5,000
    --json             figures as JSON on standard output

1. Bare: the same model called in a loop on arrays in memory, at its best batch size, with all processors.
2. End to end: ZIP in, metrics out, workers warm; the ratio to bare is the figure. Bare is measured before and after, and
   the mean of both taken, for other work on the machine comes and goes.
3. The article's way: `model.predict` an image at a time.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from dashboard.core.cifar10 import CLASS_NAMES
from dashboard.core.evaluation import evaluate
from dashboard.core.inference import Inference
from dashboard.core.registry import ModelVersion, Registry
from dashboard.core.runs import RunStore
from dashboard.core.worker_pool import WorkerPool
from dashboard.settings import ROOT, get_settings

BATCHES = (32, 64, 128, 256, 512)
SECONDS = 4.0  # that a bare measurement takes for each batch size
SINGLE = 100  # images one at a time

BARE = """
import json, sys, time
from pathlib import Path
import numpy as np
import tensorflow as tf
from dashboard.core.preprocessing import normalize
from dashboard.core.registry import Registry
from dashboard.worker import keras_model

models, ref, seconds, single, *batches = sys.argv[1:]
loaded = keras_model.load(Registry(Path(models)).get(ref))
p = loaded.version.preprocessing
pictures = np.random.default_rng(0).integers(0, 256, (512, p.height, p.width, 3), np.uint8)
inputs = normalize(pictures, p)
rates = {}
for batch in map(int, batches):
    parts = [tf.constant(inputs[i : i + batch]) for i in range(0, 512, batch)]
    loaded.taps.logits(parts[0]).numpy()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < float(seconds):
        for part in parts:
            loaded.taps.logits(part).numpy()
            done += len(part)
    rates[batch] = done / (time.perf_counter() - start)
one = 0.0
if int(single):
    loaded.model.predict(inputs[:1], verbose=0)
    start = time.perf_counter()
    for i in range(int(single)):
        loaded.model.predict(inputs[i : i + 1], verbose=0)
    one = int(single) / (time.perf_counter() - start)
print(json.dumps({"rates": rates, "single": one}))
"""


def bare(version: ModelVersion, batches: tuple[int, ...], single: int) -> tuple[dict[int, float], float]:
    """Images a second by batch size, and one at a time."""
    command = [sys.executable, "-c", BARE, str(version.folder.parents[1]), version.ref, str(SECONDS), str(single)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [*command, *map(str, batches)], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: os.nice(5),  # as workers are
    )  # fmt: skip
    record = json.loads(done.stdout.splitlines()[-1])
    return {int(batch): rate for batch, rate in record["rates"].items()}, record["single"]


def make_zip(path: Path, n: int, height: int, width: int) -> Path:
    """Soft pictures with some noise: PNGs of about 2 kB at 32x32, as those of CIFAR-10 are."""
    rng = np.random.default_rng(7)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for i in range(n):
            coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)).resize((width, height))
            pixels = np.clip(np.asarray(coarse, np.int16) + rng.integers(-8, 9, (height, width, 3)), 0, 255)
            buffer = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
            archive.writestr(f"{CLASS_NAMES[i % len(CLASS_NAMES)]}/{i:06d}.png", buffer.getvalue())
    return path


def warm_up(pool: WorkerPool, version: ModelVersion, folder: Path) -> None:
    """Every worker has TensorFlow, the model and scikit-learn in memory."""
    while any(worker.state == "starting" for worker in pool.workers()):
        time.sleep(0.1)
    p = version.preprocessing
    small = make_zip(folder / "warm.zip", 256 * len(pool.workers()), p.height, p.width)
    for _ in range(2):
        evaluate(small, version, pool, RunStore(folder / "warm"))


def end_to_end(pool: WorkerPool, version: ModelVersion, path: Path, folder: Path) -> float:
    """Images a second from opening the ZIP to stored metrics."""
    store = RunStore(folder / "runs")
    start = time.perf_counter()
    manifest = evaluate(path, version, pool, store, get_settings().chunk_size)
    seconds = time.perf_counter() - start
    run = store.load(manifest.run_id)
    assert manifest.state == "finished" and len(run.evaluated) == manifest.n_images and run.measured, manifest
    return manifest.n_images / seconds


class PeakMemory:
    """The most memory that this process and its workers had during a `with` block, in bytes."""

    def __enter__(self) -> PeakMemory:
        self.server = self.workers = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._over.wait(0.1):
            try:
                workers = [child.memory_info().rss for child in me.children()]
            except psutil.NoSuchProcess:
                continue
            self.server = max(self.server, me.memory_info().rss)
            self.workers = max(self.workers, sum(workers))


def memory(version: ModelVersion, workers: int, folder: Path, n: int) -> tuple[int, int]:
    """Peak of server and workers for an evaluation of n images, in fresh processes."""
    command = [sys.executable, "-m", "tests.benchmarks.evaluate", "--peak", str(n), "--model", version.ref]
    command += ["--workers", str(workers), "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    server, workers_bytes = json.loads(done.stdout.splitlines()[-1])
    return server, workers_bytes


def peak(version: ModelVersion, workers: int, folder: Path, n: int) -> None:
    """What `memory` starts."""
    p = version.preprocessing
    path = folder / f"{n}.zip"
    if not path.exists():
        make_zip(path, n, p.height, p.width)
    pool = WorkerPool(workers, stagger_s=0)
    warm_up(pool, version, folder)
    with PeakMemory() as most:
        end_to_end(pool, version, path, folder)
    pool.close()
    print(json.dumps([most.server, most.workers]))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    settings = get_settings()
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--model", default="")
    parser.add_argument("--workers", type=int, default=settings.workers)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--memory-images", type=int, nargs=2, default=[5000, 50_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    version = Registry(settings.models_dir, settings.model).get(arguments.model)
    if arguments.peak:
        peak(version, arguments.workers, arguments.folder, arguments.peak)
        return
    p = version.preprocessing
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = make_zip(folder / "images.zip", arguments.images, p.height, p.width)
        rates, single = bare(version, BATCHES, SINGLE)
        best = max(rates, key=lambda batch: rates[batch])
        say(f"Bare, by batch size: {', '.join(f'{b}: {r:,.0f}' for b, r in rates.items())} images/s")
        pool = WorkerPool(arguments.workers, settings.worker_start_s, settings.task_s, stagger_s=0)
        warm_up(pool, version, folder)
        Inference(pool).describe(version)
        whole = end_to_end(pool, version, path, folder)
        pool.close()
        again, _ = bare(version, (best,), 0)
        mean = (rates[best] + again[best]) / 2
        record = {
            "model": version.ref, "images": arguments.images, "workers": arguments.workers, "cpus": os.cpu_count(),
            "load": os.getloadavg()[0], "bare_batch": best, "bare_images_per_s": [rates[best], again[best]],
            "images_per_s": whole, "share_of_bare": whole / mean, "single_images_per_s": single,
            "times_single": whole / single,
        }  # fmt: skip
        say(f"Bare at {best}: {rates[best]:,.0f} before, {again[best]:,.0f} after")
        say(f"End to end: {whole:,.0f} images/s, {whole / mean:.1%} of bare, {whole / single:.1f} x one at a time")
        if arguments.memory:
            few, many = (memory(version, arguments.workers, folder, n) for n in arguments.memory_images)
            record["memory_images"] = arguments.memory_images
            record["server_bytes"], record["workers_bytes"] = [few[0], many[0]], [few[1], many[1]]
            for what, a, b in (("Server", few[0], many[0]), ("Workers", few[1], many[1])):
                say(f"{what}: {a / 2**20:,.0f} MiB, then {b / 2**20:,.0f} MiB ({b / a - 1:+.1%})")
    if arguments.json:
        print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
