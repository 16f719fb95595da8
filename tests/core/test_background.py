"""Work that all sessions watch."""

from __future__ import annotations

import threading
import time

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
