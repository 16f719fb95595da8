from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.jobs import Job, JobRunner
from dashboard.core.registry import ModelVersion
from dashboard.core.runs import RunStore
from dashboard.core.worker_pool import WorkerPool
from tests.conftest import MakeZip
from tests.worker.hostile_worker import COMMAND


@pytest.fixture(scope="module")
def fast() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, task_s=20, command=COMMAND)
    yield pool
    pool.close()


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def runner(fast: WorkerPool, store: RunStore) -> JobRunner:
    return JobRunner(fast, store, chunk_size=5)


def wait(runner: JobRunner, job: Job, condition: Callable[[Job], bool] = lambda job: not job.active) -> Job:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = runner.get(job.run_id)
        assert found is not None
        if condition(found):
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {found}")


def test_a_job_runs_to_its_end(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    started = runner.start(make_zip({"cat": 12}), tiny_version)
    assert started.state == "waiting" and started.active
    done = wait(runner, started)
    assert done.state == "finished" and done.error is None
    assert done.progress is not None and (done.progress.done, done.progress.total) == (12, 12)
    assert len(store.load(done.run_id).table) == 12 and runner.active() == []


def test_jobs_are_done_one_after_the_other(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    jobs = [runner.start(make_zip({"cat": 30}, name=f"{i}.zip"), tiny_version) for i in range(3)]
    assert [j.run_id for j in runner.active()] == [j.run_id for j in jobs]
    wait(runner, jobs[0])
    assert sum(j.state == "running" for j in runner.active()) <= 1
    assert [wait(runner, j).state for j in jobs] == ["finished"] * 3
    assert len(store.list()) == 3


def test_cancel_a_running_and_a_waiting_job(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    running = runner.start(make_zip({"cat": 500}), tiny_version)
    waiting = runner.start(make_zip({"cat": 1}, name="b.zip"), tiny_version)
    wait(runner, running, lambda job: job.progress is not None and job.progress.done > 0)
    runner.cancel(waiting.run_id)
    found = runner.get(waiting.run_id)
    assert found is not None and found.state == "cancelled"  # at once, though another one is running
    runner.cancel(running.run_id)
    assert wait(runner, running).state == "cancelled" and wait(runner, waiting).state == "cancelled"
    assert 0 < len(store.load(running.run_id).table) < 500
    assert [m.run_id for m in store.list()] == [running.run_id]


def test_a_job_that_fails_says_why_and_the_next_one_runs(
    runner: JobRunner, tiny_version: ModelVersion, make_zip: MakeZip, tmp_path: Path
) -> None:
    bad = runner.start(tmp_path / "missing.zip", tiny_version)
    good = runner.start(make_zip({"cat": 1}), tiny_version)
    failed = wait(runner, bad)
    assert failed.state == "failed" and isinstance(failed.error, DatasetError)
    assert wait(runner, good).state == "finished"


def test_an_unexpected_error_ends_its_job_only(
    runner: JobRunner, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    impossible = runner.start(None, tiny_version)  # type: ignore[arg-type]
    failed = wait(runner, impossible)
    assert failed.state == "failed" and failed.error is not None and "AttributeError" in failed.error.message
    assert wait(runner, runner.start(make_zip({"cat": 1}), tiny_version)).state == "finished"


def test_there_is_no_such_job(runner: JobRunner) -> None:
    assert runner.get("nothing") is None
