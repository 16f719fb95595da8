"""How long answers take while everything happens at once: `python -m tests.benchmarks.mixed [--requests N] [--json]`.

Idle and active sessions (websocket clients that speak Streamlit's protocol) and clients of the HTTP API use one server, which
also evaluates a dataset. An active user opens Predict, clicks a sample, and does so again after some seconds of looking; a
client of the API asks about once a second. No answer comes from the store.

It prints {"idle_sessions", "active_sessions", "api_clients", "seconds", "evaluation",
"api": {"answers", "errors", "median_s", "p95_s"}, "page": {the same, until the prediction stands on the page},
"map_tested": {the same, until its map was tested, too}, "requests", "memory_mb": {"before", "after"}};
`requests` were sent between the two measurements of the server's memory.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from dashboard.core.models.samples import read_samples
from dashboard.core.models.self_test import LabelledFile
from dashboard.core.settings import get_settings
from tests.benchmarks.sessions import Tab
from tests.benchmarks.together import PNG, UNLIMITED, WAIT_S
from tests.e2e.dashboard_server import Server, running_server

IDLE, ACTIVE, API_CLIENTS, SECONDS = 100, 10, 20, 60.0
PAGE_PAUSE_S, API_PAUSE_S = 10.0, 1.0  # mean time between an answer and the next question
COPIES = 5000  # of each sample in the dataset
AT_ONCE = 8  # clients that send the many requests


class Answers:
    """How long answers took, and how many requests failed. Thread-safe."""

    def __init__(self) -> None:
        self._took: list[float] = []
        self._errors: list[str] = []

    def add(self, seconds: float) -> None:
        """Notes how long an answer took."""
        self._took.append(seconds)

    def time(self, ask: Callable[[], object]) -> None:
        """Asks, and notes how it went."""
        start = time.perf_counter()
        try:
            ask()
        except Exception as error:
            self._errors.append(f"{type(error).__name__}: {error}")
        else:
            self.add(time.perf_counter() - start)

    def record(self) -> dict[str, object]:
        """The figures, in seconds."""
        p95 = statistics.quantiles(self._took, n=20)[-1] if len(self._took) > 1 else None
        return {
            "answers": len(self._took), "errors": len(self._errors), "first_error": self._errors[:1],
            "median_s": statistics.median(self._took) if self._took else None, "p95_s": p95,
        }  # fmt: skip


def dataset_of(samples: list[LabelledFile]) -> bytes:
    """A ZIP with copies of the samples; a changed byte after the picture makes each of them another file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, sample in enumerate(samples):
            for copy in range(COPIES):
                archive.writestr(f"{sample.label}/{number}-{copy}.png", sample.data + copy.to_bytes(4, "big"))
    return out.getvalue()


def predict(client: httpx.Client, data: bytes) -> None:
    """Asks the API what an image is."""
    client.post("/predict", content=data, headers=PNG).raise_for_status()


def everything_at_once(server: Server, samples: list[LabelledFile]) -> dict[str, Any]:
    """The figures of all kinds of clients."""
    api, page, map_tested, end = Answers(), Answers(), Answers(), threading.Event()
    address = f"{server.url}/api/v1"
    shown = len({sample.label for sample in samples})  # the page offers one of each class

    def use_api(number: int) -> None:
        chance = random.Random(number)
        with httpx.Client(base_url=address, timeout=WAIT_S) as client:
            while not end.wait(chance.expovariate(1 / API_PAUSE_S)):
                api.time(partial(predict, client, chance.choice(samples).data))

    def use_page(number: int) -> None:
        chance = random.Random(number)
        while not end.wait(chance.expovariate(1 / PAGE_PAUSE_S)):
            map_tested.time(partial(open_and_predict, chance.randrange(shown)))

    def open_and_predict(sample: int) -> None:
        start = time.perf_counter()
        with Tab(server) as tab:
            opened_s = time.perf_counter() - start
            tab.take_sample(sample)
            page.add(opened_s + tab.answered_s)

    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(Tab(server))
        client = stack.enter_context(httpx.Client(base_url=address, timeout=WAIT_S))
        zipped = {"Content-Type": "application/zip"}
        started = client.post("/evaluations", params={"name": "many.zip"}, content=dataset_of(samples), headers=zipped)
        run = started.raise_for_status().json()["id"]
        users = stack.enter_context(ThreadPoolExecutor(ACTIVE + API_CLIENTS))
        for number in range(API_CLIENTS):
            users.submit(use_api, number)
        for number in range(ACTIVE):
            users.submit(use_page, number)
        time.sleep(SECONDS)
        evaluation = client.get(f"/evaluations/{run}").raise_for_status().json()
        end.set()
    return {
        "idle_sessions": IDLE, "active_sessions": ACTIVE, "api_clients": API_CLIENTS, "seconds": SECONDS,
        "evaluation": {"state": evaluation["state"], "progress": evaluation["progress"]},
        "api": api.record(), "page": page.record(), "map_tested": map_tested.record(),
    }  # fmt: skip


def memory_of_requests(server: Server, samples: list[LabelledFile], count: int) -> dict[str, Any]:
    """The server's memory before and after so many requests."""
    address = f"{server.url}/api/v1"

    def ask(many: int) -> None:
        with httpx.Client(base_url=address, timeout=WAIT_S) as client:
            for number in range(many):
                predict(client, samples[number % len(samples)].data)

    with ThreadPoolExecutor(AT_ONCE) as clients:
        list(clients.map(ask, [50] * AT_ONCE))  # what is needed once is there now
        before = server.memory_mb()
        list(clients.map(ask, [count // AT_ONCE] * AT_ONCE))
    return {"requests": count, "memory_mb": {"before": round(before), "after": round(server.memory_mb())}}


def main() -> None:
    """Prints the figures of one server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ.update(UNLIMITED)
    samples = read_samples(get_settings().samples_dir)
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "data") as server:
        with httpx.Client(base_url=f"{server.url}/api/v1", timeout=WAIT_S) as client:
            while client.get("/ready").status_code != 200:
                time.sleep(0.2)
        found = memory_of_requests(server, samples, arguments.requests) | everything_at_once(server, samples)
    if arguments.json:
        print(json.dumps(found))
        return
    memory = found["memory_mb"]
    print(f"memory of the server: {memory['before']} MB, after {found['requests']:,} requests {memory['after']} MB")
    for name in ("api", "page", "map_tested"):
        each = found[name]
        print(
            f"{name}: {each['answers']:,} answers, {each['errors']} errors, median {each['median_s']:.2f} s, "
            f"95% within {each['p95_s']:.2f} s"
        )
    print(f"evaluation: {found['evaluation']}")


if __name__ == "__main__":
    main()
