"""The table in the docstring of `Retries`, row by row, without processes."""

from __future__ import annotations

import pytest

from dashboard.core.engine.retries import LOSSES, REFUSALS, Retries
from dashboard.core.engine.worker import WorkerDied
from dashboard.core.errors import Code

PATIENCE_S = 120.0
DIED = WorkerDied("exited with code 3", begun=True)
OVERRAN = WorkerDied("did not answer", begun=True, overran=True)
LOST = WorkerDied("exited with code 3")
LOST_TO_TIME = WorkerDied("did not answer", overran=True)
KILLED_BEFORE = WorkerDied("was killed by SIGKILL", signal="SIGKILL")
CRASHED_BEFORE = WorkerDied("was killed by SIGILL", signal="SIGILL")


class Clock:
    def __init__(self) -> None:
        self.time_s = 0.0

    def __call__(self) -> float:
        return self.time_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def retries(clock: Clock, attempts: int = 2, urgent: bool = False) -> Retries:
    return Retries(attempts, urgent, PATIENCE_S, clock)


def nobody() -> bool:
    return False


@pytest.mark.parametrize("death, code", [(DIED, "worker_failed"), (OVERRAN, "worker_hung")])
def test_a_task_that_may_be_the_cause_has_so_many_attempts(clock: Clock, death: WorkerDied, code: Code) -> None:
    assert [retries(clock, attempts=1).after_death(death)] == [code]
    three = retries(clock, attempts=3)
    assert [three.after_death(death) for _ in range(3)] == [None, None, code]


def test_the_last_death_gives_the_code(clock: Clock) -> None:
    assert [retries(clock).after_death(death) for death in (DIED, OVERRAN)] == [None, None]
    mixed = retries(clock)
    assert [mixed.after_death(death) for death in (OVERRAN, DIED)] == [None, "worker_failed"]


@pytest.mark.parametrize("death", [LOST, LOST_TO_TIME, CRASHED_BEFORE])
def test_a_worker_lost_before_the_task_is_no_attempt_but_there_is_a_limit(clock: Clock, death: WorkerDied) -> None:
    one = retries(clock, attempts=1)
    assert [one.after_death(death) for _ in range(LOSSES)] == [None] * (LOSSES - 1) + ["worker_lost"]


def test_where_somebody_kills_the_workers_a_task_waits_but_not_an_urgent_one(clock: Clock) -> None:
    patient, urgent = retries(clock), retries(clock, urgent=True)
    assert [urgent.after_death(KILLED_BEFORE) for _ in range(LOSSES)][-1] == "worker_lost"
    assert [patient.after_death(KILLED_BEFORE) for _ in range(LOSSES + 20)] == [None] * (LOSSES + 20)
    assert patient.after_death(LOST) == "worker_lost"


def test_patience_begins_when_it_is_first_needed_and_ends(clock: Clock) -> None:
    patient = retries(clock)
    for _ in range(LOSSES - 1):
        assert patient.after_death(KILLED_BEFORE) is None
    clock.time_s = 1000.0  # the first losses did not need it
    assert patient.after_death(KILLED_BEFORE) is None
    clock.time_s += PATIENCE_S - 1
    assert patient.after_death(KILLED_BEFORE) is None
    clock.time_s += 1
    assert patient.after_death(KILLED_BEFORE) == "worker_lost"


def test_after_many_losses_one_death_is_enough(clock: Clock) -> None:
    patient = retries(clock, attempts=5)
    assert [patient.after_death(KILLED_BEFORE) for _ in range(LOSSES)][-1] is None
    assert patient.after_death(DIED) == "worker_failed"


def test_a_task_is_refused_when_no_worker_starts(clock: Clock) -> None:
    refused = retries(clock)
    answers = [refused.after_failed_start(CRASHED_BEFORE, nobody) for _ in range(REFUSALS)]
    assert answers == [None] * (REFUSALS - 1) + ["worker_unavailable"]


def test_a_task_is_not_refused_while_another_worker_may_work(clock: Clock) -> None:
    refused = retries(clock, urgent=True)
    assert [refused.after_failed_start(CRASHED_BEFORE, lambda: True) for _ in range(REFUSALS + 5)][-1] is None
    assert refused.after_failed_start(CRASHED_BEFORE, nobody) == "worker_unavailable"


def test_a_task_waits_for_workers_that_are_killed_while_they_start(clock: Clock) -> None:
    patient, urgent = retries(clock), retries(clock, urgent=True)
    assert [urgent.after_failed_start(KILLED_BEFORE, nobody) for _ in range(REFUSALS)][-1] == "worker_unavailable"
    assert [patient.after_failed_start(KILLED_BEFORE, nobody) for _ in range(REFUSALS + 5)][-1] is None
    clock.time_s = PATIENCE_S
    assert patient.after_failed_start(KILLED_BEFORE, nobody) == "worker_unavailable"
