"""A real Ray cluster of two nodes on this machine: the same rows as embedded, also when a node is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from dashboard.core.engine.from_settings import make_engine
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.engine.ray_worker import RayWorker
from dashboard.core.errors import WorkerError
from dashboard.core.evaluation.work import Progress
from dashboard.core.models.inference import Inference
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from tests.conftest import ROOT, MakeZip, encoded, picture
from tests.evaluating import evaluate

ray = pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-cluster.txt")
RAY = Path(sys.executable).parent / "ray"
LIMIT_S = 90


class Node:
    """`ray start --block` with its children."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_USAGE_STATS_ENABLED": "0"}
        self._process = subprocess.Popen(
            [str(RAY), "start", "--block", "--num-cpus=1", "--object-store-memory=100000000", *arguments],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        """The whole node at once, as when its machine loses power."""
        processes = [self._process.pid, *(p.pid for p in psutil.Process(self._process.pid).children(recursive=True))]
        for pid in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Node]]:
    """Address of a head node, and a second node that may be killed."""
    host, other = "127.0.0.2", "127.0.0.3"  # Ray would take the machine's outer address for 127.0.0.1
    with socket.socket() as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    address = f"{host}:{port}"
    head = Node("--head", f"--port={port}", f"--node-ip-address={host}", "--include-dashboard=false")
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                break
        time.sleep(0.2)
    second = Node(f"--address={address}", f"--node-ip-address={other}")
    yield address, second
    ray.shutdown()
    head.kill()


@pytest.fixture(scope="module")
def engine(cluster: tuple[str, Node]) -> Iterator[WorkerPool]:
    address, _ = cluster
    pool = make_engine(Settings(cluster=address, worker_start_s=LIMIT_S), 2, stagger_s=0)
    pool.start()
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until and [w.state for w in pool.workers()] != ["idle", "idle"]:
        time.sleep(0.2)
    assert [w.state for w in pool.workers()] == ["idle", "idle"], pool.workers()
    yield pool
    pool.close()


@pytest.fixture
def rows_here(
    make_zip: MakeZip, tiny_version: ModelVersion, pool: WorkerPool, tmp_path: Path
) -> tuple[Path, pd.DataFrame]:
    path = make_zip({"cat": 60, "dog": 60}, extra={"cat/broken.png": b"no image"})
    return path, rows_of(path, tiny_version, pool, tmp_path / "here")


def rows_of(path: Path, version: ModelVersion, engine: WorkerPool, folder: Path, **options: object) -> pd.DataFrame:
    store = RunStore(folder)
    manifest = evaluate(path, version, engine, store, 8, **options)  # type: ignore[arg-type]
    assert manifest.state == "finished"
    return store.folder(manifest.run_id).load().table


def test_the_same_rows_as_here_and_a_killed_node_changes_nothing(
    cluster: tuple[str, Node],
    engine: WorkerPool,
    rows_here: tuple[Path, pd.DataFrame],
    tiny_version: ModelVersion,
    tmp_path: Path,
) -> None:
    path, here = rows_here
    pd.testing.assert_frame_equal(rows_of(path, tiny_version, engine, tmp_path / "cluster"), here)
    [answer] = Inference(engine).predict(tiny_version, [encoded(picture(0))])
    assert answer.confidence > 0  # type: ignore[union-attr]

    killed = False

    def kill_in_mid_run(progress: Progress) -> None:
        nonlocal killed
        if not killed and 8 <= progress.done < progress.total:
            killed = True
            cluster[1].kill()

    after = rows_of(path, tiny_version, engine, tmp_path / "killed", on_progress=kill_in_mid_run)
    assert killed
    pd.testing.assert_frame_equal(after, here)
    assert sum(worker.restarts for worker in engine.workers()) >= 1


def test_a_cluster_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str) -> RayWorker:
        raise OSError(f"the Ray cluster at {address} does not answer")

    monkeypatch.setattr("dashboard.core.engine.from_settings.RayWorker", refuse)
    pool = make_engine(Settings(cluster="127.0.0.1:1"), 1, stagger_s=0)
    try:
        with pytest.raises(WorkerError, match=r"127\.0\.0\.1:1 does not answer") as caught:
            pool.submit("probe_tensorflow").result(30)
        assert caught.value.code == "worker_unavailable"
    finally:
        pool.close()


def test_a_cluster_that_does_not_answer_is_told_soon_and_in_one_line_of_ours() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    program = f"from dashboard.core.engine.ray_worker import RayWorker\nRayWorker({address!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1].startswith(f"OSError: the Ray cluster at {address} does not answer: Conn")
    assert "GCS" not in done.stderr and "WARNING" not in done.stderr and done.stdout == ""
