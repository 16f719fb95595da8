import threading
import time
from collections.abc import Callable

from dashboard.core.checks import Check, Report
from dashboard.core.checkup import Checkup

DONE = Report((Check("a", "packages", "ok", "fine"),), "2026-01-02T03:04:05+00:00")


def wait_for(checkup: Checkup) -> None:
    until = time.monotonic() + 10
    while checkup.doing is not None:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_tells_what_it_does_and_keeps_the_report() -> None:
    go_on, told = threading.Event(), threading.Event()

    def run(say: Callable[[str], None]) -> Report:
        say("Looking")
        told.set()
        go_on.wait(10)
        return DONE

    checkup = Checkup(run)
    assert (checkup.doing, checkup.report) == (None, None)
    checkup.start()
    assert told.wait(10)
    assert (checkup.doing, checkup.report) == ("Looking", None)
    go_on.set()
    wait_for(checkup)
    assert checkup.report is DONE


def test_it_runs_one_at_a_time() -> None:
    go_on, runs = threading.Event(), []

    def run(say: Callable[[str], None]) -> Report:
        runs.append(1)
        go_on.wait(10)
        return DONE

    checkup = Checkup(run)
    checkup.start()
    checkup.start()
    go_on.set()
    wait_for(checkup)
    assert len(runs) == 1
    checkup.start()
    wait_for(checkup)
    assert len(runs) == 2


def test_a_fault_in_the_checks_is_a_report_too() -> None:
    def run(say: Callable[[str], None]) -> Report:
        raise ValueError("nothing is as it should be")

    checkup = Checkup(run)
    checkup.start()
    wait_for(checkup)
    assert checkup.report is not None
    assert checkup.report.status == "error"
    assert "nothing is as it should be" in checkup.report.headline
