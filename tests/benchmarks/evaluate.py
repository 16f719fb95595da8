"""What an evaluation costs beside the model's own arithmetic: `python -m tests.benchmarks.evaluate`.

    --images 8000      PNG files in the ZIP
    --model REF        a version of the registry; the active one by default
    --workers N        as DASHBOARD_WORKERS
    --seconds S        that the bare loop takes for each batch size
    --memory           also: peak memory of server and workers for 50,000 images against 5,000
    --json             figures as JSON on standard output
    --markdown         the README's table: every measured version (or --model's) in both precisions

1. Bare: the same model called in a loop on arrays in memory, at its best batch size, with all processors.
2. End to end: ZIP in, metrics out, workers warm; the ratio to bare is the figure. Bare is measured before and after, and
   the mean of both taken, for other work on the machine comes and goes. On a busy machine look at the processor time an
   image instead, which depends on it less.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.core.shell import ROOT
from tests.evaluating import evaluate

BATCHES = (32, 64, 128, 256, 512)
SINGLE_SHARE = 0.5  # of the time for one batch size, for images one at a time

BARE = """
import json, sys, time
from pathlib import Path
import numpy as np
import tensorflow as tf
from dashboard.core.images.preprocessing import normalize
from dashboard.core.models.registry import Registry
from dashboard.worker.models import loading

models, ref, seconds, single_seconds, *batches = sys.argv[1:]
loaded = loading.load(Registry(Path(models)).get(ref))
p = loaded.version.preprocessing
pictures = np.random.default_rng(0).integers(0, 256, (512, p.height, p.width, 3), np.uint8)
inputs = normalize(pictures, p)
logits = loaded.serving.taps.logits  # in the precision of predictions
rates, cpu = {}, {}
for batch in map(int, batches):
    parts = [tf.constant(inputs[i : i + batch]) for i in range(0, 512, batch)]
    logits(parts[0]).numpy()
    start, start_cpu, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < float(seconds):
        for part in parts:
            logits(part).numpy()
            done += len(part)
    rates[batch] = done / (time.perf_counter() - start)
    cpu[batch] = (time.process_time() - start_cpu) / done
one = 0.0
if float(single_seconds):
    loaded.model.predict(inputs[:1], verbose=0)
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < float(single_seconds):
        loaded.model.predict(inputs[done % 512][None], verbose=0)
        done += 1
    one = done / (time.perf_counter() - start)
print(json.dumps({"rates": rates, "cpu": cpu, "single": one, "precision": loaded.precision}))
"""


@dataclass(frozen=True)
class Bare:
    """The model alone."""

    rates: dict[int, float]  # images a second by batch size
    cpu_s: dict[int, float]  # processor time an image
    single: float  # images a second, one at a time through model.predict
    precision: str

    @property
    def best(self) -> int:
        """The batch size that is fastest."""
        return max(self.rates, key=lambda batch: self.rates[batch])


def bare(version: ModelVersion, batches: Sequence[int], seconds: float, single: bool) -> Bare:
    settings = (str(version.folder.parents[1]), version.ref, str(seconds), str(SINGLE_SHARE * seconds if single else 0))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", BARE, *settings, *map(str, batches)], cwd=ROOT, env=environment, check=True,
        stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.nice(5),  # as workers are
    )  # fmt: skip
    record = json.loads(done.stdout.splitlines()[-1])
    rates, cpu = ({int(batch): value for batch, value in record[name].items()} for name in ("rates", "cpu"))
    return Bare(rates, cpu, record["single"], record["precision"])


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


def end_to_end(pool: WorkerPool, version: ModelVersion, path: Path, folder: Path) -> tuple[float, float]:
    """Images a second from opening the ZIP to stored metrics, and processor time an image of server and workers."""
    store = RunStore(folder / "runs")
    start, start_cpu = time.perf_counter(), processor_time()
    manifest = evaluate(path, version, pool, store, get_settings().chunk_size)
    seconds, cpu = time.perf_counter() - start, processor_time() - start_cpu
    run = store.folder(manifest.run_id).load(VIEW_COLUMNS)
    assert manifest.state == "finished" and len(run.evaluated) == manifest.n_images and run.measured, manifest
    return manifest.n_images / seconds, cpu / manifest.n_images


def processor_time() -> float:
    me = psutil.Process()
    return sum(times.user + times.system for times in (p.cpu_times() for p in (me, *me.children())))


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


def measure(version: ModelVersion, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures of one version."""
    p, settings = version.preprocessing, get_settings()
    path = folder / f"{arguments.images}-{p.height}x{p.width}.zip"
    if not path.exists():
        make_zip(path, arguments.images, p.height, p.width)
    first = bare(version, BATCHES, arguments.seconds, single=True)
    best = first.best
    say(f"{version.ref}, {first.precision}")
    say(f"Bare, by batch size: {', '.join(f'{b}: {r:,.0f}' for b, r in first.rates.items())} images/s")
    pool = WorkerPool(arguments.workers, settings.worker_start_s, settings.task_s, stagger_s=0)
    warm_up(pool, version, folder)
    whole, whole_cpu = end_to_end(pool, version, path, folder)
    pool.close()
    second = bare(version, [best], arguments.seconds, single=False)
    mean = (first.rates[best] + second.rates[best]) / 2
    cpu = (first.cpu_s[best] + second.cpu_s[best]) / 2
    say(f"Bare at {best}: {first.rates[best]:,.0f} before, {second.rates[best]:,.0f} after")
    say(f"End to end: {whole:,.0f} images/s, {whole / mean:.1%} of bare, {whole / first.single:.1f} x one at a time")
    say(f"Processor time an image: {1000 * whole_cpu:.2f} ms, bare {1000 * cpu:.2f} ms: {cpu / whole_cpu:.1%}")
    record: dict[str, Any] = {
        "model": version.ref, "precision": first.precision, "images": arguments.images, "workers": arguments.workers,
        "cpus": os.cpu_count(), "load": os.getloadavg()[0], "bare_batch": best,
        "bare_images_per_s": [first.rates[best], second.rates[best]], "images_per_s": whole,
        "share_of_bare": whole / mean, "single_images_per_s": first.single, "times_single": whole / first.single,
        "cpu_ms_per_image": 1000 * whole_cpu, "bare_cpu_ms_per_image": 1000 * cpu, "share_of_bare_by_cpu": cpu / whole_cpu,
    }  # fmt: skip
    if arguments.memory:
        few, many = (memory(version, arguments.workers, folder, n) for n in arguments.memory_images)
        record["memory_images"] = arguments.memory_images
        record["server_bytes"], record["workers_bytes"] = [few[0], many[0]], [few[1], many[1]]
        both = (("Server", few[0], many[0]), ("Workers", few[1], many[1]), ("Together", sum(few), sum(many)))
        for what, a, b in both:
            say(f"{what}: {a / 2**20:,.0f} MiB, then {b / 2**20:,.0f} MiB ({b / a - 1:+.1%})")
    return record


def markdown(records: Sequence[dict[str, Any]]) -> str:
    """The README's table."""
    lines = [
        "| model | precision | the model alone, images/s | from ZIP to metrics, images/s | share | `model.predict` one by one |",
        "|---|---|---|---|---|---|",
    ]
    for r in records:
        alone = sum(r["bare_images_per_s"]) / 2
        lines.append(
            f"| {r['model']} | {r['precision']} | {alone:,.0f} | {r['images_per_s']:,.0f} | {r['share_of_bare']:.0%} | "
            f"{r['single_images_per_s']:,.0f} images/s ({r['times_single']:.0f} times slower) |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    settings = get_settings()
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--model", default="")
    parser.add_argument("--workers", type=int, default=settings.workers)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--memory-images", type=int, nargs=2, default=[5000, 50_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    registry = Registry(settings.models_dir, settings.model)
    if arguments.peak:
        peak(registry.get(arguments.model), arguments.workers, arguments.folder, arguments.peak)
        return
    with tempfile.TemporaryDirectory() as name:
        if arguments.markdown:
            versions = [v for v in registry.versions() if v.metrics and arguments.model in ("", v.name, v.ref)]
            records = []
            for version in versions:
                for precision in ("float32", "auto"):
                    os.environ["DASHBOARD_PRECISION"] = precision  # for the processes that are started from here
                    records.append(measure(version, arguments, Path(name)))
            print(markdown(records))
            return
        record = measure(registry.get(arguments.model), arguments, Path(name))
    if arguments.json:
        print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
