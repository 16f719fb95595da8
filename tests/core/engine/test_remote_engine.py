"""A dashboard's workers, used by another process of the same user through a real socket."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from dashboard.core.engine.engine_server import EngineServer
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.engine.process import ROOT
from dashboard.core.engine.remote_engine import RemoteEngine, connect
from dashboard.core.engine.socket_path import fingerprint, socket_path
from dashboard.core.errors import ImageError, WorkerError
from dashboard.core.settings import Settings
from tests.core.engine.test_pool import result, until
from tests.worker.hostile_worker import COMMAND

SERVER = """
import time
from dashboard.core.engine.engine_server import EngineServer
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.settings import get_settings
from tests.worker.hostile_worker import COMMAND
pool = WorkerPool(1, command=COMMAND)
EngineServer(pool, get_settings()).start()
print(pool.submit("pid").result(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path may have 107 characters
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("DASHBOARD_DATA_DIR", str(tmp_path))
        yield Settings()


def listening(pool: WorkerPool, settings: Settings) -> EngineServer:
    server = EngineServer(pool, settings)
    server.start()
    return server


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, task_s=20, command=COMMAND, stagger_s=0)
    yield pool
    pool.close()


@pytest.fixture
def remote(pool: WorkerPool, settings: Settings) -> Iterator[RemoteEngine]:
    server = listening(pool, settings)
    engine = connect(settings, lambda: pytest.fail("there is a dashboard"))
    assert engine
    yield engine
    engine.close()
    server.close()


def test_tasks_are_done_by_the_workers_of_the_dashboard(remote: RemoteEngine, pool: WorkerPool) -> None:
    assert remote.size == 2
    assert result(remote.submit("pid")) in {worker.pid for worker in pool.workers()}
    assert [result(each) for each in [remote.submit("add", i, i) for i in range(20)]] == [2 * i for i in range(20)]


def test_errors_and_limits_pass_through_the_socket(remote: RemoteEngine) -> None:
    with pytest.raises(ImageError, match=r"It is not nice\."):
        result(remote.submit("fail"))
    with pytest.raises(WorkerError, match="did not answer within 1 s") as caught:
        result(remote.submit("hang", timeout_s=1.0, attempts=1))
    assert caught.value.code == "worker_hung"
    with pytest.raises(WorkerError, match="SIGKILL"):
        result(remote.submit("die", urgent=True))
    assert result(remote.submit("add", 1, 1)) == 2


def test_a_command_that_ends_leaves_no_waiting_tasks_behind(remote: RemoteEngine, pool: WorkerPool) -> None:
    for _ in range(2):
        remote.submit("sleep", 1.0)
    for _ in range(50):
        remote.submit("sleep", 10.0)
    remote.close()
    until(lambda: [worker.state for worker in pool.workers()] == ["idle", "idle"], "the workers to be free", 15)
    assert result(pool.submit("add", 2, 2)) == 4


def test_when_the_dashboard_is_killed_own_workers_do_what_is_left(settings: Settings) -> None:
    own = []

    def make_own() -> WorkerPool:
        own.append(WorkerPool(1, task_s=20, command=COMMAND))
        return own[0]

    with subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE) as server:
        assert server.stdout
        pid = int(server.stdout.readline())
        engine = connect(settings, make_own)
        assert engine and result(engine.submit("pid")) == pid
        waiting = [engine.submit("sleep", 30.0, timeout_s=1.0, attempts=1), engine.submit("pid")]
        os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match="did not answer within 1 s"):
        result(waiting[0])
    assert result(waiting[1]) == own[0].workers()[0].pid != pid
    assert result(engine.submit("add", 1, 2)) == 3 and engine.size == 1
    engine.close()
    assert connect(settings, make_own) is None, "nobody listens on the socket that was left behind"


def test_a_command_that_is_stopped_does_not_keep_the_workers(pool: WorkerPool, settings: Settings) -> None:
    server = listening(pool, settings)
    with Client(str(socket_path(settings)), "AF_UNIX") as stopped:
        stopped.send(fingerprint(settings))
        assert stopped.recv() == pool.size
        for number in range(2 * pool.size):
            large = bytes(3 * 2**20)  # more than a socket holds
            stopped.send((number, "add", (large, b""), {}))
        until(lambda: sum(worker.tasks_done for worker in pool.workers()) == 2 * pool.size, "the answers")
        assert result(pool.submit("add", 2, 3)) == 5
        server.close()
    names = {"command", "command-answers"}
    until(lambda: not names & {thread.name for thread in threading.enumerate()}, "the threads of the connection to end")


def test_own_workers_do_what_is_ordered_after_the_workers_of_the_dashboard_ended(
    pool: WorkerPool, settings: Settings
) -> None:
    server = listening(pool, settings)
    own = WorkerPool(1, task_s=20, command=COMMAND, at_once=False)
    engine = connect(settings, lambda: own)
    assert engine
    pool.close()
    assert result(engine.submit("pid")) == own.workers()[0].pid
    engine.close()
    server.close()


@pytest.mark.parametrize("only_workers", [False, True], ids=["dashboard", "workers"])
def test_when_the_dashboard_ends_own_workers_do_what_is_left(
    pool: WorkerPool, settings: Settings, only_workers: bool
) -> None:
    server = listening(pool, settings)
    own = WorkerPool(1, task_s=20, command=COMMAND, at_once=False)
    engine = connect(settings, lambda: own)
    assert engine
    left = [engine.submit("sleep", 0.5) for _ in range(pool.size)]
    until(lambda: {worker.state for worker in pool.workers()} == {"busy"}, "the tasks to begin")
    left.append(engine.submit("pid"))
    if not only_workers:
        server.close()
    pool.close()
    assert [result(each) for each in left] == ["slept", "slept", own.workers()[0].pid]
    assert result(engine.submit("add", 1, 2)) == 3 and engine.size == 1
    engine.close()
    server.close()


def test_a_dashboard_takes_the_place_of_one_that_was_killed_and_not_of_one_that_runs(
    pool: WorkerPool, settings: Settings
) -> None:
    path = socket_path(settings)
    assert path
    path.touch()
    first = listening(pool, settings)
    second = listening(pool, settings)
    second.close()
    engine = connect(settings, lambda: pool)
    assert engine and result(engine.submit("add", 1, 2)) == 3
    engine.close()
    first.close()
    assert not path.exists()


def test_other_code_or_settings_are_not_served(pool: WorkerPool, settings: Settings) -> None:
    server = listening(pool, settings)
    assert connect(settings.model_copy(update={"precision": "float32"}), lambda: pool) is None
    server.close()


def test_settings_that_change_answers_change_the_fingerprint(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    same = {"workers": 3, "chunk_size": 7, "task_s": 9.0}
    assert fingerprint(settings) == fingerprint(settings.model_copy(update=same))
    for other in ({"models_dir": tmp_path}, {"precision": "float32"}, {"data_dir": tmp_path / "other"}):
        assert fingerprint(settings) != fingerprint(settings.model_copy(update=other))


def test_the_socket_lies_in_a_folder_of_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    here, elsewhere = (socket_path(Settings(data_dir=tmp_path / name)) for name in ("here", "elsewhere"))
    assert here and elsewhere and here != elsewhere and here.parent == elsewhere.parent
    assert stat.S_IMODE(here.parent.stat().st_mode) == 0o700
    here.parent.chmod(0o755)
    assert socket_path(Settings(data_dir=tmp_path / "here")) is None, "others could put a socket there"
