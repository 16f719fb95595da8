"""Images a second of many clients of the HTTP API at once, against one client that asks again and again.

Run it with `python -m tests.benchmarks.together`; with `--json` it prints
{"clients", "images_per_second": {"one", "many"}, "ratio", "single_ms", "p95_ms", "p95_ratio", "same_answers"}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from dashboard.core.models.samples import read_samples
from dashboard.core.settings import get_settings
from tests.e2e.dashboard_server import running_api

CLIENTS, SECONDS, WAIT_S = 64, 10.0, 180.0
PNG = {"Content-Type": "image/png"}
UNLIMITED = {  # every request is computed
    "DASHBOARD_API_REQUESTS_PER_MINUTE": "1000000", "DASHBOARD_ANSWER_CACHE_MB": "0",
}  # fmt: skip


async def load(address: str, files: list[bytes], clients: int) -> tuple[list[float], dict[int, set[str]]]:
    """How long each answer took in seconds, and the labels that each file got."""
    took: list[float] = []
    labels: dict[int, set[str]] = {}
    end = time.perf_counter() + SECONDS

    async def ask(client: aiohttp.ClientSession, number: int) -> None:
        at = number
        while time.perf_counter() < end:
            at = (at + 1) % len(files)
            start = time.perf_counter()
            async with client.post(
                f"{address}/predict", data=files[at], headers=PNG, raise_for_status=True
            ) as response:
                answer = await response.json()
            took.append(time.perf_counter() - start)
            labels.setdefault(at, set()).add(answer["predictions"][0]["predicted_label"])

    # not httpx: with 64 connections, its client needs more processor time than the server
    limits, patience = aiohttp.TCPConnector(limit=clients), aiohttp.ClientTimeout(WAIT_S)
    async with aiohttp.ClientSession(connector=limits, timeout=patience) as client:
        await asyncio.gather(*(ask(client, number) for number in range(clients)))
    return took, labels


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    files = [sample.data for sample in read_samples(get_settings().samples_dir)]
    with tempfile.TemporaryDirectory() as data, running_api(Path(data), UNLIMITED) as server:
        address = f"{server.url}/api/v1"
        asyncio.run(load(address, files, 4))  # every worker has loaded the model
        one, alone = asyncio.run(load(address, files, 1))
        many, together = asyncio.run(load(address, files, CLIENTS))
    single, p95 = statistics.median(one), statistics.quantiles(many, n=20)[-1]
    found = {
        "clients": CLIENTS,
        "images_per_second": {"one": len(one) / SECONDS, "many": len(many) / SECONDS},
        "ratio": len(many) / len(one),
        "single_ms": 1000 * single,
        "p95_ms": 1000 * p95,
        "p95_ratio": p95 / single,
        "same_answers": all(together[at] == alone[at] for at in alone),
    }
    if as_json:
        print(json.dumps(found))
        return
    print(
        f"one client {len(one) / SECONDS:.1f} images/s, {CLIENTS} clients {len(many) / SECONDS:.1f}: {found['ratio']:.1f} times"
    )
    print(f"single {1000 * single:.1f} ms, p95 of {CLIENTS} {1000 * p95:.1f} ms: {found['p95_ratio']:.1f} times")
    print(f"the same answers: {found['same_answers']}")


if __name__ == "__main__":
    main()
