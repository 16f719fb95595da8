"""What starting costs, as ratios to `import tensorflow` in the same run: `python -m tests.benchmarks.start`.

    --checkout DIR     another checkout to measure, for example an earlier version
    --rounds 3         each figure is the median of so many; commands and imports take turns
    --images 8000      PNG files of the evaluation
    --models REF ...   that are evaluated; the bare time is that of `tests.benchmarks.evaluate`
    --only PART ...    commands, evaluate, served, memory

1. commands: `--help` and `predict` of one image.
2. evaluate: a whole `evaluate` command against import + the model's own arithmetic.
3. served: `predict` while a dashboard of the same data folder runs.
4. memory: PSS of a process that draws the page, of its workers after a prediction each, and of their template.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from dashboard.core.models.registry import Registry
from dashboard.core.settings import get_settings
from dashboard.core.shell import ROOT
from tests.benchmarks.evaluate import BATCHES, bare, make_zip
from tests.e2e.dashboard_server import running_server

PARTS = ("commands", "evaluate", "served", "memory")
IMPORT = (sys.executable, "-c", "import tensorflow")
COMMAND = (sys.executable, "-m", "dashboard")
MEMORY = """
import time
import psutil
from streamlit.testing.v1 import AppTest
from dashboard.ui.resources import get_services

services = get_services()
services.engine.start()
AppTest.from_file("dashboard/main.py", default_timeout=60).run()
version = services.registry.get("")
picture = next(services.settings.samples_dir.rglob("*.png")).read_bytes()
while any(worker.state == "starting" for worker in services.engine.workers()):
    time.sleep(0.1)
while not all(worker.tasks_done for worker in services.engine.workers()):
    for future in [services.engine.submit("predict_files", version, [picture] * 64) for _ in services.engine.workers()]:
        future.result()
me = psutil.Process()
print(me.memory_full_info().pss, *(each.memory_full_info().pss for each in me.children(recursive=True)))
services.engine.close()
"""


def seconds(command: Sequence[str], checkout: Path, data: Path) -> float:
    """How long a command takes that must succeed."""
    environment = {**os.environ, "DASHBOARD_DATA_DIR": str(data), "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def show(what: str, value: float, unit: float) -> None:
    print(f"{what}: {value:.2f} s, {value / unit:.2f} of the import", flush=True)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", type=Path, default=ROOT)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--models", nargs="+", default=["cifar10-resnet", "cifar10-small"])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(arguments, Path(name))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """All parts that were asked for."""
    checkout, settings = arguments.checkout.resolve(), get_settings()
    sample = str(next((ROOT / "data" / "samples").rglob("*.png")))
    predict = (*COMMAND, "predict", sample, "--json")
    commands = [("--help", (*COMMAND, "--help")), ("predict of one image", predict)]
    timed = [IMPORT, *(command for _, command in commands if "commands" in arguments.only)]
    rounds = [[seconds(command, checkout, folder) for command in timed] for _ in range(arguments.rounds)]
    unit, *of_commands = (median(times) for times in zip(*rounds, strict=True))
    print(f"import tensorflow: {unit:.2f} s; load {os.getloadavg()[0]:.1f}", flush=True)
    for (what, _), value in zip(commands, of_commands, strict=False):
        show(what, value, unit)
    if "evaluate" in arguments.only:
        registry = Registry(settings.models_dir, settings.model)
        for ref in arguments.models:
            version = registry.get(ref)
            p = version.preprocessing
            path = make_zip(folder / f"{version.name}.zip", arguments.images, p.height, p.width)
            rates = bare(version, BATCHES, 4.0, single=False).rates
            alone = arguments.images / max(rates.values())
            took = seconds((*COMMAND, "evaluate", str(path), "--model", version.ref, "--no-cache"), checkout, folder)
            print(
                f"evaluate {arguments.images:,} images, {version.ref}: {took:.1f} s; the model alone {alone:.1f} s, "
                f"so import + {(took - unit) / alone:.2f} times the bare time",
                flush=True,
            )
    if "served" in arguments.only:
        with running_server(folder / "served") as server:
            seconds(predict, checkout, server.data)
            show(
                "predict while a dashboard runs",
                median(seconds(predict, checkout, server.data) for _ in range(5)),
                unit,
            )
    if "memory" in arguments.only:
        memory(checkout, folder)


def memory(checkout: Path, folder: Path) -> None:
    """Prints the PSS of all processes for one, two and three workers."""
    for workers in (1, 2, 3):
        environment = {
            **os.environ, "DASHBOARD_WORKERS": str(workers), "DASHBOARD_DATA_DIR": str(folder / f"memory-{workers}"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }  # fmt: skip
        (folder / f"memory-{workers}").mkdir()
        done = subprocess.run(
            [sys.executable, "-c", MEMORY], cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        server, *others = (int(each) / 2**20 for each in done.stdout.splitlines()[-1].split())
        print(
            f"{workers} workers: {server + sum(others):,.0f} MiB together, {server:,.0f} of them the page's process",
            flush=True,
        )


if __name__ == "__main__":
    main()
