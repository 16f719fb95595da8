"""A real dashboard in a process of its own, on a free port, with a data folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_S = 180.0
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"  # the page when its script has ended


@dataclass
class Server:
    url: str
    process: subprocess.Popen[bytes]
    data: Path

    def memory_mb(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def workers(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if child.name() == "dash-worker"]


def chromium() -> str | None:
    return next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running_server(
    data: Path,
    script: Path = ROOT / "app.py",
    address: str = "127.0.0.1",
    port: int | None = None,
    options: Sequence[str] = (),
) -> Iterator[Server]:
    """Starts the dashboard, or another Streamlit script, as the README does; ends it with everything it started."""
    shutil.copytree(ROOT / "data" / "samples", data / "samples", dirs_exist_ok=True)
    port = port or free_port()
    log = (data / "server.log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port), "--server.address", address,
            *options,
        ],
        cwd=ROOT, env={**os.environ, "DASHBOARD_DATA_DIR": str(data)}, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(url, process, data / "server.log")
        yield Server(url, process, data)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


@contextmanager
def running_api(data: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Starts the HTTP API alone, and waits until its model is ready."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "dashboard.api:app", "--port", str(port), "--log-level", "error"]
    log = (data / "server.log").open("wb")
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "DASHBOARD_DATA_DIR": str(data), **(environment or {})},
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", process, data)
    try:
        end = time.monotonic() + READY_S
        while not _is_ready(server):
            assert time.monotonic() < end and process.poll() is None, "the API does not start"
            time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _is_ready(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/api/v1/ready", timeout=READY_S) as response:
            return bool(response.status == 200)
    except OSError:  # also while it says that it is not ready
        return False


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"the dashboard did not start: {log.read_text(errors='replace')[-2000:]}")
