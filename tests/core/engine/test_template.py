"""Workers that are forked from a template. Real processes, really killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from dashboard.core.engine import launching
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.engine.process import ROOT, WorkerProcess
from dashboard.core.engine.template import ONE_THREAD, NotSafeToFork, Template
from dashboard.core.engine.worker import WorkerDied
from dashboard.core.errors import WorkerError
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.worker.template import _prepare_and_watch
from tests.benchmarks.forks import answers_of
from tests.conftest import encoded, picture
from tests.core.engine.test_pool import nothing_is_left_after_a_kill, pid_of, result, runs, until
from tests.worker.hostile_template import COMMAND
from tests.worker.hostile_worker import COMMAND as HOSTILE


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> Iterator[Template]:
    """The template of all pools, which imports no TensorFlow here."""
    quick = Template(COMMAND)
    monkeypatch.setattr(launching, "template", quick)
    yield quick
    quick.close()


@pytest.fixture
def two(template: Template) -> Iterator[WorkerPool]:
    pool = WorkerPool(2, task_s=20)
    until(lambda: [worker.state for worker in pool.workers()] == ["idle", "idle"], "both workers")
    yield pool
    pool.close()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: not runs(pid), "the process to end")


def test_workers_are_forks_of_a_template_with_one_thread_and_children_of_the_server(
    two: WorkerPool, template: Template
) -> None:
    workers = [psutil.Process(worker.pid) for worker in two.workers()]
    assert {worker.ppid() for worker in workers} == {os.getpid()}
    assert [psutil.Process(pid).num_threads() for pid in template.processes()] == [1, 1]
    assert {name.name() for name in workers} == {"dash-worker"}
    two.close()
    assert not any(runs(worker.pid) for worker in workers)
    assert all(runs(pid) for pid in template.processes())


def test_a_killed_worker_is_replaced_and_how_it_ended_is_known(two: WorkerPool) -> None:
    with pytest.raises(WorkerError, match="was killed by SIGKILL while die"):
        result(two.submit("die"))
    with pytest.raises(WorkerError, match=r"exited with code 3 \(out of order\) while leave"):
        result(two.submit("leave"))
    assert result(two.submit("add", 2, 3)) == 5


def test_workers_go_on_without_their_template_and_its_spare_forks_the_next_ones(
    two: WorkerPool, template: Template
) -> None:
    first, spare = template.processes()
    before = {worker.pid for worker in two.workers()}
    kill(first)
    assert {pid_of(two) for _ in range(10)} <= before
    for pid in before:
        assert pid
        kill(pid)
    until(lambda: {worker.pid for worker in two.workers()}.isdisjoint(before | {None}), "other workers")
    assert result(two.submit("add", 2, 3)) == 5
    active, next_spare = template.processes()
    assert active == spare and next_spare not in (first, spare)


def test_another_template_starts_when_both_were_killed(two: WorkerPool, template: Template) -> None:
    before = template.processes()
    for pid in (*before, *(worker.pid for worker in two.workers())):
        assert pid
        kill(pid)
    assert result(two.submit("add", 2, 3)) == 5
    until(lambda: len(set(template.processes()) - set(before)) == 2, "a template and its spare")
    assert not any(psutil.pid_exists(pid) for pid in before), "nobody collected their exit codes"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_template_that_hangs_is_replaced_and_the_task_is_done_with_the_new_one(
    workers: int, template: Template, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dashboard.core.engine.template.FORK_S", 5.0)
    pool = WorkerPool(workers)
    until(lambda: {worker.state for worker in pool.workers()} == {"idle"}, "the workers")
    hanging, pids = template.processes(), [worker.pid for worker in pool.workers()]
    for pid in hanging:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        assert pid
        kill(pid)
    assert result(pool.submit("add", 2, 3, urgent=True)) == 5
    until(lambda: {worker.state for worker in pool.workers()} == {"idle"}, "other workers")
    assert set(template.processes()).isdisjoint(hanging) and not any(runs(pid) for pid in hanging)
    told = [record.getMessage() for record in caplog.records if "template" in record.getMessage()]
    assert told and all("its template did not answer within 5 s and was replaced" in text for text in told)
    pool.close()


def test_a_template_that_fails_to_start_again_is_tried_anew(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = WorkerPool(1)
    assert result(pool.submit("add", 2, 3)) == 5
    for pid in template.processes():
        kill(pid)
    monkeypatch.setattr(template, "_command", ("/bin/false",))
    [worker] = pool.workers()
    assert worker.pid
    kill(worker.pid)
    until(lambda: pool.workers()[0].restarts > 2, "two failed starts")
    monkeypatch.setattr(template, "_command", COMMAND)
    assert result(pool.submit("add", 2, 3)) == 5
    pool.close()


def test_a_spare_that_was_killed_is_replaced_with_the_next_fork(two: WorkerPool, template: Template) -> None:
    active, spare = template.processes()
    kill(spare)
    with pytest.raises(WorkerError):
        result(two.submit("die"))
    until(lambda: template.processes()[1:] not in ([], [spare]), "another spare")
    assert template.processes()[0] == active


@pytest.mark.parametrize("template_dies_first", [False, True])
def test_nothing_is_left_of_a_server_that_is_killed(template_dies_first: bool) -> None:
    program = (
        "import os, time\n"
        "from dashboard.core.engine import launching\n"
        "from dashboard.core.engine.pool import WorkerPool\n"
        "from dashboard.core.engine.template import Template\n"
        "from tests.worker.hostile_template import COMMAND\n"
        "launching.template = Template(COMMAND)\n"
        "pool = WorkerPool(2)\n"
        "while [s.state for s in pool.workers()] != ['idle', 'idle']: time.sleep(0.05)\n"
        f"if {template_dies_first}: os.kill(launching.template.processes()[0], 9)\n"
        "pool.submit('sleep', 60.0)\n"
        "while 'busy' not in [s.state for s in pool.workers()]: time.sleep(0.05)\n"
        "print(*[s.pid for s in pool.workers()], *launching.template.processes(), flush=True)\n"
        "time.sleep(60)\n"
    )
    nothing_is_left_after_a_kill(program, 4)


def test_a_template_ends_with_its_server_also_while_it_imports() -> None:
    importing = "import time; from dashboard.worker.template import main; main(lambda: time.sleep(60), print)"
    program = (
        "import sys, threading, time\n"
        "from functools import partial\n"
        "from dashboard.core.engine.process import WorkerProcess\n"
        "from dashboard.core.engine.template import Template\n"
        f"template = Template((sys.executable, '-c', {importing!r}))\n"
        "start = partial(template.fork, limit_s=60)\n"
        "threading.Thread(target=WorkerProcess, args=(start, 1), daemon=True).start()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) as server:
        until(lambda: psutil.Process(server.pid).children(), "the template")
        [template] = psutil.Process(server.pid).children()
        until(lambda: template.name() == "dash-template", "its import")
        server.send_signal(signal.SIGKILL)
    until(lambda: not runs(template.pid), "the template to end", 10)


@pytest.mark.parametrize(
    "command, limit_s, words",
    [
        ((sys.executable, "-c", "raise SystemExit('no TensorFlow for this CPU')"), 30, "no TensorFlow for this CPU"),
        ((sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGILL)"), 30, "killed by SIGILL"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), 0.5, "did not answer within"),
    ],
    ids=["exits", "sigill", "hangs"],
)
def test_a_template_that_cannot_start_tells_why(command: tuple[str, ...], limit_s: float, words: str) -> None:
    template = Template(command)
    with pytest.raises(WorkerDied, match=f"{words}.* while importing TensorFlow"):
        WorkerProcess(partial(template.fork, limit_s=limit_s), 1)
    assert template.processes() == []
    template.close()


def test_tasks_do_not_wait_for_workers_that_the_template_cannot_fork(template: Template) -> None:
    limited = (
        "import os\n"
        "from dashboard.worker.template import main\n"
        "template, fork = os.getpid(), os.fork\n"
        "def fork_once():\n"
        "    if os.getpid() != template:\n"
        "        raise BlockingIOError('too many processes')\n"
        "    return fork()\n"
        "os.fork = fork_once\n"
        "main(lambda: None, print)\n"
    )
    template._command = (sys.executable, "-c", limited)
    pool = WorkerPool(1)
    with pytest.raises(WorkerError, match=r"was not started, .*BlockingIOError: too many processes"):
        result(pool.submit("add", 2, 3))
    template._command = COMMAND
    until(lambda: pool.workers()[0].state == "idle", "a worker")
    assert result(pool.submit("add", 2, 3)) == 5
    pool.close()


def test_workers_start_as_interpreters_where_the_template_has_several_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threaded = (
        "import threading, time\n"
        "from dashboard.worker.template import main\n"
        "main(lambda: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(), print)\n"
    )
    template = Template((sys.executable, "-c", threaded))
    with pytest.raises(NotSafeToFork, match="2 threads"):
        WorkerProcess(partial(template.fork, limit_s=30), 1)
    monkeypatch.setattr(launching, "template", template)
    assert not launching.forks()
    template.close()


def test_workers_start_as_interpreters_where_they_cannot_be_adopted(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.core.engine.template._adopts_orphans", lambda: False)
    monkeypatch.setattr(launching, "INTERPRETER", HOSTILE)
    pool = WorkerPool(1)
    assert result(pool.submit("add", 2, 3)) == 5
    assert template.processes() == [] and not launching.forks()
    pool.close()


def test_a_setting_starts_workers_as_interpreters(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "get_settings", lambda: Settings(fork="never"))
    monkeypatch.setattr(launching, "INTERPRETER", HOSTILE)
    pool = WorkerPool(1)
    assert result(pool.submit("add", 2, 3)) == 5 and template.processes() == []
    pool.close()


def test_a_worker_has_the_environment_of_its_start(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = set()
    for name in ("first", "second"):
        monkeypatch.setenv("DASHBOARD_TEST", name)
        pool = WorkerPool(1)
        assert result(pool.submit("variable", "DASHBOARD_TEST")) == name
        folders.add(Path(str(result(pool.submit("leave_a_file")))).parent)
        pool.close()
    assert len(folders) == 2, "temporary files of the two are in the same folder"
    assert not any(folder.exists() for folder in folders)


def test_the_real_template_has_one_thread_and_has_run_nothing() -> None:
    program = (
        "import os\n"
        "from dashboard.worker.template import import_all\n"
        "import_all()\n"
        "from tensorflow.python.eager import context\n"
        "print(len(os.listdir('/proc/self/task')), context.context()._context_handle)\n"
    )
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["1", "None"], done.stderr


def test_thirty_forks_load_the_model_and_answer_alike(tiny_version: ModelVersion) -> None:
    """`python -m tests.benchmarks.forks` does the same a thousand times."""
    answers, seconds = answers_of(30, tiny_version, encoded(picture(1)))
    assert len(answers) == 1 and len(seconds) == 30


def test_a_template_that_was_begun_early_is_the_one_that_forks(template: Template) -> None:
    template.begin()
    template.begin()
    [early] = template.processes()
    pool = WorkerPool(1)
    assert result(pool.submit("add", 2, 3)) == 5
    template.begin()
    assert template.processes()[0] == early
    pool.close()


def test_a_template_whose_imports_fail_ends_at_once() -> None:
    def fail() -> None:
        raise ImportError("a package is broken")

    ours, theirs = socket.socketpair()
    threads = threading.active_count()
    with ours, theirs, pytest.raises(ImportError):
        _prepare_and_watch(fail, theirs)
    assert threading.active_count() == threads
