"""Faults of workers. Real processes, really killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest

from dashboard.core.engine import pool as pool_module
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.engine.process import ROOT, WorkerProcess, interpreter
from dashboard.core.engine.task_words import in_words
from dashboard.core.errors import Cancelled, ImageError, WorkerError
from tests.worker.hostile_worker import COMMAND

PATIENCE_S = 20.0  # for things that take tenths of a second on an idle machine


def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)


@pytest.fixture
def one() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, task_s=PATIENCE_S, command=COMMAND)
    yield pool
    pool.close()


@pytest.fixture
def two() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, task_s=PATIENCE_S, command=COMMAND, stagger_s=0)
    yield pool
    pool.close()


def result(future: Future[object]) -> object:
    return future.result(timeout=PATIENCE_S)


def pid_of(pool: WorkerPool) -> int:
    pid = result(pool.submit("pid"))
    assert isinstance(pid, int)
    return pid


def test_a_task_is_done_in_another_process(one: WorkerPool) -> None:
    assert result(one.submit("add", 2, 3)) == 5
    [status] = one.workers()
    assert status.pid == pid_of(one) != os.getpid()
    assert status.state == "idle" and status.tasks_done >= 1 and status.memory_bytes > 2**20


def test_the_error_of_a_task_arrives_with_its_message_fix_and_code(one: WorkerPool) -> None:
    with pytest.raises(ImageError) as caught:
        result(one.submit("fail"))
    assert (caught.value.message, caught.value.fix, caught.value.code) == (
        "It is not nice.",
        "Paint another.",
        "not_nice",
    )


@pytest.mark.parametrize(
    "task, args, message",
    [
        ("fail_unexpectedly", (), "ZeroDivisionError: oh"),
        ("no_such_task", (), "no_such_task"),
        ("add", (threading.Lock(), 1), "cannot be passed on"),
    ],
)
def test_an_unexpected_error_is_told_and_the_worker_lives_on(
    one: WorkerPool, task: str, args: tuple[object, ...], message: str
) -> None:
    pid = pid_of(one)
    with pytest.raises(WorkerError, match=message):
        result(one.submit(task, *args))
    assert pid_of(one) == pid


def test_an_answer_that_cannot_be_sent_fails_its_task_only(one: WorkerPool) -> None:
    with pytest.raises(WorkerError):
        result(one.submit("answer_that_cannot_be_sent"))
    assert result(one.submit("add", 1, 1)) == 2


def test_an_idle_worker_that_is_killed_is_replaced(one: WorkerPool, caplog: pytest.LogCaptureFixture) -> None:
    pid = pid_of(one)
    os.kill(pid, signal.SIGKILL)
    until(lambda: one.workers()[0].state == "idle" and one.workers()[0].pid != pid, "a new worker")
    [now] = one.workers()
    assert (now.restarts, now.fault) == (1, "was killed by SIGKILL while idle") and now.died_utc
    assert f"Worker 1 (process {pid}) was killed by SIGKILL while idle." in caplog.messages
    assert pid_of(one) != pid


def test_a_worker_that_the_system_killed_for_its_memory_says_so(
    one: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = pid_of(one)
    monkeypatch.setattr("dashboard.core.engine.process.oom_kills", lambda: sys.maxsize)  # one more than at its start
    os.kill(pid, signal.SIGKILL)
    until(lambda: one.workers()[0].restarts == 1, "the death")
    assert one.workers()[0].fault == "was killed by SIGKILL (memory ran out) while idle"


def test_no_moment_calls_a_dead_worker_idle(one: WorkerPool) -> None:
    pid = pid_of(one)
    psutil.Process(pid).kill()
    until(lambda: can_be_collected(pid), "the death")
    assert one.workers()[0].state != "idle" or one.workers()[0].pid != pid


def test_a_busy_worker_says_with_what_and_how_it_died(one: WorkerPool) -> None:
    task = one.submit("sleep", 60.0)
    until(lambda: one.workers()[0].state == "busy", "the task to begin")
    assert one.workers()[0].doing == "sleep"  # a task of the dashboard has words
    os.kill(one.workers()[0].pid or 0, signal.SIGKILL)
    until(lambda: one.workers()[0].restarts == 1, "the death")
    assert one.workers()[0].fault == "was killed by SIGKILL while sleep"
    task.cancel()


def test_every_task_of_the_dashboard_has_words() -> None:
    table = (ROOT / "dashboard" / "worker" / "tasks.py").read_text().partition("TASKS: ")[2]
    names = re.findall(r"^        (\w+),$", table, re.MULTILINE)
    assert len(names) > 10 and [name for name in names if in_words(name) == name] == []


def test_tasks_given_right_after_the_death_of_an_idle_worker_are_done(one: WorkerPool) -> None:
    for i in range(5):
        os.kill(pid_of(one), signal.SIGKILL)
        assert result(one.submit("add", i, 1)) == i + 1


def test_a_task_whose_worker_is_killed_is_done_again(one: WorkerPool, tmp_path: Path) -> None:
    file = tmp_path / "log"
    pid = pid_of(one)
    future = one.submit("log", file, "line", 0.5)
    until(file.exists, "the task to run")
    os.kill(pid, signal.SIGKILL)
    assert result(future) is None
    assert file.read_text() == "line\nline\n"


def test_a_worker_that_dies_in_the_middle_of_its_answer_fails_its_task_only(one: WorkerPool) -> None:
    with pytest.raises(WorkerError, match="SIGKILL"):
        result(one.submit("die_while_answering"))
    assert result(one.submit("add", 1, 1)) == 2


def test_a_task_that_kills_every_worker_is_given_up_and_the_others_are_done(two: WorkerPool, tmp_path: Path) -> None:
    file = tmp_path / "log"
    before = [two.submit("add", i, 0) for i in range(10)]
    culprit = two.submit("die", file)
    after = [two.submit("add", i, 0) for i in range(10)]
    with pytest.raises(WorkerError, match="SIGKILL") as caught:
        result(culprit)
    assert "memory may have run out" in caught.value.message and "If memory ran out" in caught.value.fix
    assert [result(f) for f in before + after] == [*range(10), *range(10)]
    assert file.read_text() == "died\n" * 2


def test_a_task_that_dies_once_succeeds(one: WorkerPool, tmp_path: Path) -> None:
    assert result(one.submit("die_once", tmp_path / "marker")) == "done"


def test_the_last_words_of_a_worker_are_told(one: WorkerPool) -> None:
    with pytest.raises(WorkerError, match=r"exited with code 3 \(out of order\)"):
        result(one.submit("leave"))


def test_a_hang_overruns_its_time_and_the_worker_is_replaced(one: WorkerPool) -> None:
    pid = pid_of(one)
    start = time.monotonic()
    future = one.submit("hang", timeout_s=0.5)
    with pytest.raises(WorkerError, match="did not answer within"):
        result(future)
    assert 1.0 <= time.monotonic() - start < 10  # tried twice
    assert pid_of(one) != pid
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("size", [10, 5_000_000], ids=["small", "more-than-the-pipe-holds"])
def test_a_stopped_worker_is_replaced_whatever_it_was_given(one: WorkerPool, size: int) -> None:
    pid = pid_of(one)
    os.kill(pid, signal.SIGSTOP)
    assert result(one.submit("add", bytes(size), b"!", timeout_s=1.0)) == bytes(size) + b"!"
    assert not psutil.pid_exists(pid)


def test_workers_killed_before_a_task_begins_do_not_count_against_it(two: WorkerPool) -> None:
    """Both at once, so that the task meets one dead worker after the other."""
    for _ in range(3):
        until(lambda: [w.state for w in two.workers()] == ["idle", "idle"], "two idle workers")
        for worker in two.workers():
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
        assert result(two.submit("add", 1, 2, attempts=1)) == 3


def test_nothing_is_lost_and_nothing_doubled_while_workers_are_killed(two: WorkerPool) -> None:
    futures = [two.submit("add", i, 0) for i in range(2000)]
    slow = [two.submit("sleep", 0.01) for _ in range(60)]
    kills = 0
    while not all(f.done() for f in slow):
        pids = [s.pid for s in two.workers() if s.pid and s.state in ("idle", "busy")]
        if pids and kills < 4:
            os.kill(pids[kills % len(pids)], signal.SIGKILL)
            kills += 1
        time.sleep(0.15)
    assert [result(f) for f in futures] == list(range(2000))
    assert [result(f) for f in slow] == ["slept"] * 60
    assert kills == 4


def test_urgent_tasks_go_before_waiting_ones(one: WorkerPool, tmp_path: Path) -> None:
    file = tmp_path / "log"
    running = one.submit("log", file, "running", 0.3)
    until(file.exists, "the first task to run")
    waiting = [one.submit("log", file, f"waiting {i}") for i in range(3)]
    urgent = [one.submit("log", file, f"urgent {i}", urgent=True) for i in range(2)]
    for future in [running, *waiting, *urgent]:
        result(future)
    assert file.read_text().splitlines() == ["running", "urgent 0", "urgent 1", "waiting 0", "waiting 1", "waiting 2"]


def test_a_slow_task_lets_others_go_first_but_not_for_ever(
    one: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "YIELDS_S", 0.2)
    file = tmp_path / "log"
    tasks = [one.submit("log", file, "running", 0.6)]
    until(file.exists, "the first task to run")
    tasks.append(one.submit("log", file, "slow", urgent=True, slow=True))
    tasks.append(one.submit("log", file, "not urgent"))
    tasks.append(one.submit("log", file, "soon", urgent=True))
    time.sleep(0.3)
    tasks.append(one.submit("log", file, "late", urgent=True))
    for future in tasks:
        result(future)
    assert file.read_text().splitlines() == ["running", "soon", "slow", "late", "not urgent"]


def test_a_waiting_task_can_be_cancelled(one: WorkerPool, tmp_path: Path) -> None:
    file = tmp_path / "log"
    running = one.submit("log", file, "running", 0.3)
    until(file.exists, "the first task to run")
    waiting = one.submit("log", file, "never")
    assert waiting.cancel() and not running.cancel()
    assert result(one.submit("add", 1, 2)) == 3
    assert file.read_text() == "running\n"


def test_what_a_killed_worker_leaves_behind_goes_with_it(one: WorkerPool) -> None:
    file = Path(str(result(one.submit("leave_a_file"))))
    assert file.exists()
    one.submit("die")
    until(lambda: not file.exists(), "its file has gone")


def test_close_ends_every_worker_and_every_task(two: WorkerPool, tmp_path: Path) -> None:
    until(lambda: all(s.state == "idle" for s in two.workers()), "both workers")
    pids = [s.pid for s in two.workers()]
    running = [two.submit("log", tmp_path / f"{i}", "", 60.0) for i in range(2)]
    until(lambda: (tmp_path / "0").exists() and (tmp_path / "1").exists(), "both tasks to run")
    waiting = two.submit("add", 1, 2)
    start = time.monotonic()
    two.close()
    assert time.monotonic() - start < 5
    for future in [*running, waiting]:
        with pytest.raises(Cancelled):
            future.result(timeout=1)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(WorkerError, match="shut down"):
        two.submit("add", 1, 2)


def test_close_also_ends_a_task_that_waits_to_be_done_again(one: WorkerPool, tmp_path: Path) -> None:
    pid_of(one)
    culprit = one.submit("die", tmp_path / "log")
    until((tmp_path / "log").exists, "the first death")
    one.close()
    with pytest.raises((Cancelled, WorkerError)):
        culprit.result(timeout=2)


def test_close_while_workers_start_leaves_none_behind() -> None:
    before = {p.pid for p in psutil.Process().children()}
    for wait_s in (0.0, 0.002, 0.02):
        pool = WorkerPool(1, command=COMMAND)
        time.sleep(wait_s)
        pool.close()
        assert {p.pid for p in psutil.Process().children()} <= before


@pytest.mark.parametrize(
    "command, message",
    [
        ((sys.executable, "-c", "raise SystemExit('no TensorFlow for this CPU')"), "no TensorFlow for this CPU"),
        ((sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGILL)"), "SIGILL"),
        (("/nowhere/python",), "cannot be started"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "did not answer within"),
    ],
    ids=["exits", "sigill", "no-program", "hangs"],
)
def test_a_worker_that_cannot_start_is_an_error_with_its_cause(command: tuple[str, ...], message: str) -> None:
    pool = WorkerPool(1, start_s=0.5 if "60" in command[-1] else 30, command=command)
    try:
        with pytest.raises(WorkerError, match=message) as caught:
            result(pool.submit("add", 1, 2))
        assert caught.value.code == "worker_unavailable"
        assert ("AVX" in caught.value.fix) == (message == "SIGILL")
        assert message in pool.workers()[0].fault
    finally:
        pool.close()


def test_where_workers_are_killed_while_they_start_a_person_is_told_and_an_evaluation_waits(tmp_path: Path) -> None:
    program = (
        "import os, runpy, signal\n"
        "from pathlib import Path\n"
        f"with Path({str(tmp_path / 'starts')!r}).open('a+') as starts:\n"
        "    starts.write('x')\n"
        "    starts.seek(0)\n"
        "    if len(starts.read()) <= 6:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "runpy.run_module('tests.worker.hostile_worker', run_name='__main__')\n"
    )
    pool = WorkerPool(1, command=(sys.executable, "-c", program))
    try:
        patient, hurried = pool.submit("add", 1, 2), pool.submit("add", 3, 4, urgent=True)
        with pytest.raises(WorkerError, match="SIGKILL") as caught:
            result(hurried)
        assert caught.value.code == "worker_unavailable" and not patient.done()
        assert result(patient) == 3
    finally:
        pool.close()


def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """51: after SIGKILL of the server neither an idle nor a busy worker is left."""
    program = (
        "import sys, time\n"
        "from dashboard.core.engine.pool import WorkerPool\n"
        "from tests.worker.hostile_worker import COMMAND\n"
        "pool = WorkerPool(2, command=COMMAND, stagger_s=0)\n"
        "while [s.state for s in pool.workers()] != ['idle', 'idle']: time.sleep(0.05)\n"
        "pool.submit('sleep', 60.0)\n"
        "while 'busy' not in [s.state for s in pool.workers()]: time.sleep(0.05)\n"
        "print(*[s.pid for s in pool.workers()], flush=True)\n"
        "time.sleep(60)\n"
    )
    nothing_is_left_after_a_kill(program, 2)


def nothing_is_left_after_a_kill(program: str, n: int) -> None:
    """Kills a server once it has printed the ids of its n processes, and waits until all of these have ended."""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == n and all(psutil.pid_exists(pid) for pid in pids)
        server.send_signal(signal.SIGKILL)
    until(lambda: not any(runs(pid) for pid in pids), "all processes to end", 10)


def can_be_collected(pid: int) -> bool:
    """True if a child has ended with all its threads. It is a zombie a little earlier."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # nobody may be there to collect an orphan
    except psutil.NoSuchProcess:
        return False


def test_any_error_of_a_start_leads_to_another_start() -> None:
    begun: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        worker = WorkerProcess(interpreter(COMMAND), 1)
        begun.append(worker)
        if len(begun) == 1:
            worker.close()
            raise RuntimeError("can't start new thread")
        return worker

    pool = WorkerPool(1, worker=start)
    assert result(pool.submit("add", 2, 3)) == 5
    assert pool.workers()[0].fault == "cannot be started (can't start new thread)"
    pool.close()
