"""Work that all sessions watch."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from dashboard.core.background import BackgroundTask
from dashboard.core.errors import DashboardError


def wait_for(task: BackgroundTask[str]) -> None:
    until = time.monotonic() + 10
    while task.state.active:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_tells_what_it_does_and_keeps_the_result() -> None:
    go_on, told = threading.Event(), threading.Event()

    def work(task: BackgroundTask[str]) -> str:
        task.say("Looking")
        task.advance(1, 4)
        told.set()
        assert go_on.wait(10)
        return "done"

    task = BackgroundTask("search", work)
    assert (task.state.active, task.state.result) == (False, None)
    task.start()
    assert told.wait(10)
    assert (task.state.doing, task.state.share, task.state.result) == ("Looking", 0.25, None)
    go_on.set()
    wait_for(task)
    assert task.state.result == "done" and task.state.error is None


def test_it_runs_one_at_a_time() -> None:
    go_on, runs = threading.Event(), []

    def work(task: BackgroundTask[str]) -> str:
        runs.append(1)
        assert go_on.wait(10)
        return str(len(runs))

    task = BackgroundTask("search", work)
    task.start()
    task.start()
    go_on.set()
    wait_for(task)
    assert len(runs) == 1
    task.start()
    wait_for(task)
    assert len(runs) == 2 and task.state.result == "2"


def test_a_fault_is_told_and_the_work_can_be_started_again() -> None:
    faults: list[Exception] = [ValueError("nothing is as it should be"), DashboardError("No network.", "Try again.")]

    def work(task: BackgroundTask[str]) -> str:
        if faults:
            raise faults.pop(0)
        return "done"

    task = BackgroundTask("search", work)
    for told in ("nothing is as it should be", "No network."):
        task.start()
        wait_for(task)
        assert task.state.error is not None and told in task.state.error.message
    task.start()
    wait_for(task)
    assert task.state.result == "done" and task.state.error is None


def test_what_several_threads_report_is_all_kept() -> None:
    def work(task: BackgroundTask[str]) -> str:
        def say() -> None:
            for i in range(2000):
                task.say(str(i))

        def advance() -> None:
            for i in range(2000):
                task.advance(i, 2000)

        threads = [threading.Thread(target=target) for target in (say, advance)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return f"{task.state.doing} {task.state.done}"

    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        task = BackgroundTask("search", work)
        task.start()
        wait_for(task)
    finally:
        sys.setswitchinterval(switch_s)
    assert task.state.result == "1999 1999"


def test_a_report_that_comes_late_changes_nothing() -> None:
    task = BackgroundTask("search", lambda task: "done")
    task.start()
    wait_for(task)
    ended = task.state
    task.say("Looking")
    task.advance(1, 2)
    assert task.state == ended


def test_without_a_thread_the_task_can_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    task = BackgroundTask("search", lambda task: "done")
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(threading.Thread, "start", refuse)
        task.start()
    assert not task.state.active
    task.start()
    wait_for(task)
    assert task.state.result == "done"
