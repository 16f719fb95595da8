"""A real server of the API alone, and programs that know nothing of the dashboard."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboard.core.runs.store import RunStore
from tests.e2e.dashboard_server import ROOT, Server, running_api

SAMPLE = next((ROOT / "data" / "samples" / "frog").glob("*.png"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_api(tmp_path_factory.mktemp("api")) as running:
        yield running


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture(scope="module")
def archive(shared_dir: Path) -> Path:
    return shared_dir / "cifar10" / "cifar10-test-2000.zip"


@pytest.fixture(scope="module")
def learned(server: Server, archive: Path) -> dict[str, Any]:
    """What the other program prints."""
    command = [sys.executable, "-I", str(ROOT / "tests" / "api" / "outside_client.py"), server.url, str(archive)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def command(data: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a command of the dashboard, with workers of its own."""
    return subprocess.run(
        [sys.executable, "-m", "dashboard", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "DASHBOARD_DATA_DIR": str(data)}, timeout=280,
    )  # fmt: skip


def test_the_evaluation_agrees_with_the_command_line(learned: dict[str, Any], archive: Path, tmp_path: Path) -> None:
    done = command(tmp_path, "evaluate", archive, "--json")
    assert done.returncode == 0, done.stderr
    [run] = RunStore(tmp_path / "runs").list()
    table = RunStore(tmp_path / "runs").folder(run.run_id).load(("index", "predicted_label", "confidence")).table
    rows = learned["evaluation"]["rows"]
    assert len(rows) == len(table) == 2000
    assert [row["predicted_label"] for row in rows] == table.sort_values("index")["predicted_label"].tolist()
    assert [row["confidence"] for row in rows] == pytest.approx(
        table.sort_values("index")["confidence"].tolist(), abs=1e-4
    )
    accuracy = learned["evaluation"]["result"]["accuracy"]
    assert accuracy == pytest.approx(sum(row["predicted_label"] == row["true_label"] for row in rows) / 2000)
    assert "<html" in learned["evaluation"]["report"][:200].lower()


def test_each_answer_is_that_of_the_command_line(learned: dict[str, Any], archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if not name.endswith("/")]
        opened.extractall(tmp_path / "images")
    done = command(tmp_path / "data", "predict", "--json", *(tmp_path / "images" / name for name in names))
    assert done.returncode == 0, done.stderr
    theirs, ours = learned["predictions"], json.loads(done.stdout)
    assert len(theirs) == len(ours) == 2000
    assert [each["predicted_label"] for each in theirs] == [each["predicted_label"] for each in ours]
    assert [each["confidence"] for each in theirs] == pytest.approx([each["confidence"] for each in ours], abs=1e-4)


def test_everything_is_in_the_history(learned: dict[str, Any]) -> None:
    ids = [each["prediction_id"] for each in learned["predictions"]]
    found = {each["prediction_id"]: each for each in learned["history"]}
    assert set(ids) <= set(found)
    labels = [found[each]["predicted_label"] for each in ids]
    assert labels == [each["predicted_label"] for each in learned["predictions"]]
    assert learned["feedback"]["accuracy"]["value"] == 1 and len(learned["feedback"]["feedback"]) == 1
    [explained] = learned["explained"]["predictions"]
    assert explained["predicted_label"] == learned["predictions"][0]["predicted_label"]


def received(server: Server) -> int:
    """Bytes in files without a name that the server writes into the folder of uploads."""
    found = 0
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            name = str(link.readlink())
            if str(server.data / "uploads") in name and name.endswith("(deleted)"):
                found += link.stat().st_size
    return found


def test_a_client_that_leaves_while_it_sends_leaves_nothing_behind(server: Server) -> None:
    def stored() -> list[Path]:
        return [path for path in (server.data / "uploads").rglob("*") if path.is_file()]

    before = stored()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"POST /api/v1/evaluations?name=x.zip HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/zip\r\n"
            b"Content-Length: 100000000\r\n\r\n" + b"PK\x03\x04" + bytes(2_000_000)
        )
        until(lambda: received(server) > 1_000_000, "the upload begins")
    until(lambda: not received(server), "what was received is removed")
    assert stored() == before and "Traceback" not in (server.data / "server.log").read_text()
    assert httpx.get(f"{server.url}/api/v1/live").status_code == 200


def test_a_request_that_states_two_lengths_is_refused_at_once(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(
            b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"  # and no chunk
        )
        answer = client.makefile("rb").read()  # until the server has closed the connection
    assert answer.startswith(b"HTTP/1.1 400")


def test_a_worker_that_is_killed_in_mid_request_costs_time_only(server: Server) -> None:
    answers: list[httpx.Response] = []

    def ask() -> None:
        params = {"method": "occlusion", "faithfulness": "true"}
        headers = {"Content-Type": "image/png"}
        url = f"{server.url}/api/v1/explain"
        answers.append(httpx.post(url, params=params, content=SAMPLE.read_bytes(), headers=headers, timeout=120))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    workers = server.workers()
    assert workers
    for worker in workers:
        worker.kill()
    thread.join(120)
    assert [answer.status_code for answer in answers] == [200]
    assert answers[0].json()["predictions"][0]["predicted_label"] == "frog"
