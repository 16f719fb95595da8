from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError, ModelError
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.job import Job
from dashboard.core.evaluation.jobs import JobRunner
from dashboard.core.evaluation.opening import OpenRun, begin_run, take_up_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.evaluation.visitors_jobs import VisitorsJobs
from dashboard.core.evaluation.work import EvaluationWork, Progress
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import CHUNK_SIZE, TASK_S
from tests.conftest import MakeZip


@pytest.fixture
def runner(fast: WorkerPool, store: RunStore) -> JobRunner:
    return JobRunner(fast, store, 5, TASK_S)


def wait(runner: JobRunner, job: Job, condition: Callable[[Job], bool] = lambda job: not job.active) -> Job:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = runner.get(job.run_id)
        assert found is not None
        if condition(found):
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {found}")


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_job_runs_to_its_end(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    started = runner.start(make_zip({"cat": 12}), tiny_version)
    assert started.state == "waiting" and started.active
    done = wait(runner, started)
    assert done.state == "finished" and done.error is None
    assert done.progress is not None and (done.progress.done, done.progress.total) == (12, 12)
    assert len(store.folder(done.run_id).load().table) == 12 and runner.active() == []


def test_jobs_share_the_workers_chunk_by_chunk(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    long = runner.start(make_zip({"cat": 400}, name="long.zip"), tiny_version)
    wait(runner, long, lambda job: job.progress is not None and job.progress.done > 0)
    short = [runner.start(make_zip({"cat": 20 + i}, name=f"{i}.zip"), tiny_version) for i in range(2)]
    assert [j.run_id for j in runner.active()] == [long.run_id, *(j.run_id for j in short)]
    assert [wait(runner, j).state for j in short] == ["finished"] * 2
    found = runner.get(long.run_id)
    assert found is not None and found.progress is not None and found.progress.done < 400
    runner.cancel(long.run_id)
    assert wait(runner, long).state == "cancelled"


def test_an_urgent_task_waits_for_one_chunk_at_most(
    runner: JobRunner, fast: WorkerPool, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    job = runner.start(make_zip({"cat": 500}), tiny_version)
    wait(runner, job, lambda job: job.progress is not None and job.progress.done > 0)
    before = runner.get(job.run_id)
    assert fast.submit("add", 1, 2, urgent=True).result(timeout=10) == 3
    after = runner.get(job.run_id)
    assert before and after and before.progress and after.progress
    assert after.progress.done - before.progress.done <= 2 * 5  # the running chunk, and one that was being stored
    runner.cancel(job.run_id)
    wait(runner, job)


def test_a_cancelled_job_keeps_what_is_done_and_can_be_taken_up(
    runner: JobRunner, store: RunStore, tiny_registry: Registry, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 60, "dog": 40})
    started = runner.start(path, tiny_version)
    wait(runner, started, lambda job: job.progress is not None and job.progress.done > 0)
    runner.cancel(started.run_id)
    assert wait(runner, started).state == "cancelled" == store.folder(started.run_id).manifest().state
    done = len(store.folder(started.run_id).load().table)
    assert 0 < done < 100
    again = runner.go_on(started.run_id, tiny_registry)
    assert again.run_id == started.run_id
    finished = wait(runner, again)
    assert finished.state == "finished" and finished.progress is not None
    assert (finished.progress.done, finished.progress.before) == (100, done)
    other = store.folder(wait(runner, runner.start(path, tiny_version, use_stored=False)).run_id).load().table
    assert_frame_equal(store.folder(started.run_id).load().table, other)


def test_a_job_that_is_cancelled_before_its_first_image_stays_as_cancelled(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 5})
    job = runner.start(path, tiny_version)
    runner.cancel(job.run_id)
    assert wait(runner, job).state == "cancelled"
    until(lambda: store.list() and not store.folder(job.run_id).is_owned())
    run = store.folder(job.run_id).load()
    assert run.state == "cancelled" and run.table.empty
    again = wait(runner, runner.start(path, tiny_version))
    assert again.found == job.run_id and wait(runner, job).state == "finished"


def test_another_process_can_stop_a_run(
    runner: JobRunner, store: RunStore, tiny_registry: Registry, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    job = runner.start(make_zip({"cat": 400}), tiny_version)
    wait(runner, job, lambda job: job.progress is not None and job.progress.done > 0)
    nothing_here = JobRunner(runner._engine, store, 5, TASK_S)
    VisitorsJobs(nothing_here, store).cancel(job.run_id)
    stopped = wait(runner, job)
    assert stopped.state == "cancelled" == store.folder(job.run_id).manifest().state
    assert stopped.progress is not None and 0 < stopped.progress.done < 400
    resumed = runner.go_on(job.run_id, tiny_registry)
    wait(runner, resumed, lambda job: job.progress is not None and job.progress.done > stopped.progress.done)
    runner.cancel(job.run_id)
    wait(runner, job)


def test_the_same_dataset_and_model_are_not_evaluated_twice(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 6})
    first = wait(runner, runner.start(path, tiny_version))
    copy = path.with_name("copy.zip")
    copy.write_bytes(path.read_bytes())
    path.unlink()
    again = wait(runner, runner.start(copy, tiny_version))
    assert (again.state, again.found) == ("finished", first.run_id) and len(store.list()) == 1
    assert store.folder(first.run_id).manifest().dataset == str(copy)  # the current path of its images
    warmer = wait(runner, runner.start(copy, replace(tiny_version, temperature=3.0)))
    anew = wait(runner, runner.start(copy, tiny_version, use_stored=False))
    assert warmer.found == anew.found == "" and len(store.list()) == 3


def test_the_same_dataset_and_model_at_the_same_time_are_one_run(
    fast: WorkerPool, runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 200})
    one, other = (runner.start(path, tiny_version) for _ in range(2))
    until(lambda: len(runner.active()) == 1)
    (active,) = runner.active()
    waiting = runner.get(({one.run_id, other.run_id} - {active.run_id}).pop())
    assert waiting is not None and (waiting.state, waiting.found) == ("finished", active.run_id)
    assert [m.run_id for m in store.list()] == [active.run_id]
    elsewhere = JobRunner(fast, store, CHUNK_SIZE, TASK_S)  # like another server with the same folder
    found = wait(elsewhere, elsewhere.start(path, tiny_version))
    assert (found.state, found.found) == ("finished", active.run_id)
    anew = runner.start(path, tiny_version, use_stored=False)
    for job in (active, anew):
        runner.cancel(job.run_id)
        assert wait(runner, job).found == ""


def test_a_stopped_run_of_the_same_dataset_goes_on_as_a_job_of_its_own(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 100})
    begin_run(plan_run(path, tiny_version), store, 5, "stopped").owner.release()
    asked = wait(runner, runner.start(path, tiny_version))
    assert (asked.state, asked.found, asked.finished_before) == ("finished", "stopped", False)
    goes_on = runner.get("stopped")
    assert goes_on is not None and goes_on.run_id == "stopped" and goes_on.dataset == path
    done = wait(runner, goes_on)
    assert (done.state, done.found) == ("finished", "") and done.progress is not None and done.progress.done == 100
    again = wait(runner, runner.start(path, tiny_version))
    assert (again.found, again.finished_before) == ("stopped", True)
    assert [m.run_id for m in store.list()] == ["stopped"]


def test_a_cancelled_job_can_be_asked_for_again_while_it_is_measured(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, measured = make_zip({"cat": 200}), Future[None]()
    monkeypatch.setattr(EvaluationWork, "measure", lambda self: measured)
    first = runner.start(path, tiny_version)
    wait(runner, first, lambda job: job.progress is not None and job.progress.done > 0)
    runner.cancel(first.run_id)
    until(lambda: store.folder(first.run_id).manifest().state == "cancelled")
    again = runner.start(path, tiny_version)
    assert wait(runner, again).found == first.run_id
    measured.set_result(None)  # the metrics up to the cancellation must not end the resumed job
    assert wait(runner, first).state == "finished" == store.folder(first.run_id).manifest().state
    assert len(store.folder(first.run_id).load(["index"]).table) == 200


def test_runs_whose_process_has_gone_are_taken_up(
    runner: JobRunner,
    fast: WorkerPool,
    store: RunStore,
    tiny_registry: Registry,
    tiny_version: ModelVersion,
    make_zip: MakeZip,
) -> None:
    plan = plan_run(make_zip({"cat": 12}), tiny_version)
    mine, gone = (begin_run(plan, store, 5, run_id) for run_id in ("mine", "gone"))
    gone.owner.release()
    odd = RunFolder(store.root / "copy\u00a0of run")
    odd.save(replace(gone.manifest, run_id=odd.run_id))  # it keeps no other from being taken up
    [job] = JobRunner(fast, store, CHUNK_SIZE, TASK_S).go_on_with_interrupted(tiny_registry)
    assert job.run_id == "gone"
    until(lambda: store.folder("gone").manifest().state == "finished")
    assert len(store.folder("gone").load().table) == 12 and store.folder("mine").manifest().state == "running"
    failed = wait(runner, runner.go_on("mine", tiny_registry))
    assert failed.error is not None and failed.error.code == "run_in_use" and str(os.getpid()) in failed.error.message
    mine.owner.release()


@pytest.mark.parametrize("what", ["changed", "gone", "model"])
def test_a_run_whose_dataset_or_model_is_another_one_now_is_not_taken_up(
    runner: JobRunner,
    store: RunStore,
    tiny_registry: Registry,
    tiny_version: ModelVersion,
    make_zip: MakeZip,
    what: str,
) -> None:
    path = make_zip({"cat": 12})
    version = replace(tiny_version, temperature=9.0) if what == "model" else tiny_version
    begin_run(plan_run(path, version), store, 5, "run").owner.release()
    if what == "changed":
        make_zip({"cat": 13})
    elif what == "gone":
        path.unlink()
    failed = wait(runner, runner.go_on("run", tiny_registry))
    words = {"changed": "was changed", "gone": "does not exist", "model": "tiny@1 was changed"}[what]
    assert failed.state == "failed" and failed.error is not None and words in failed.error.message
    assert store.folder("run").manifest().state == "failed" and words in store.folder("run").manifest().message


def test_an_interrupted_run_goes_on_after_the_data_folder_was_moved(
    fast: WorkerPool, tiny_registry: Registry, tiny_version: ModelVersion, make_zip: MakeZip, tmp_path: Path
) -> None:
    dataset = tmp_path / "data" / "uploads" / "0123456789abcdef" / "images.zip"
    dataset.parent.mkdir(parents=True)
    make_zip({"cat": 12}).rename(dataset)
    begin_run(plan_run(dataset, tiny_version), RunStore(tmp_path / "data" / "runs"), 5, "run").owner.release()
    moved = RunStore((tmp_path / "data").rename(tmp_path / "moved") / "runs")
    runner = JobRunner(fast, moved, 5, TASK_S)
    done = wait(runner, runner.start(tmp_path / "moved" / dataset.relative_to(tmp_path / "data"), tiny_version))
    assert done.found == "run"  # the same order as before
    assert wait(runner, runner.go_on("run", tiny_registry)).state == "finished"
    assert len(moved.folder("run").load().table) == 12


@pytest.mark.parametrize("by", ["page", "command"])
@pytest.mark.parametrize("noted", [False, True], ids=["without a note", "with a note"])
def test_a_run_that_can_have_no_answers_goes_at_once_unless_somebody_noted_something(
    runner: JobRunner, fast: WorkerPool, store: RunStore, tiny_version: ModelVersion, tiny_registry: Registry,
    make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch, by: str, noted: bool,
) -> None:  # fmt: skip
    def no_model(*args: object, **kwargs: object) -> Future[object]:
        answer: Future[object] = Future()
        answer.set_exception(ModelError("The model cannot be loaded.", "Restore it.", "model_damaged"))
        return answer

    monkeypatch.setattr(fast, "submit", no_model)
    begin_run(plan_run(make_zip({"cat": 4}), tiny_version), store, 4, "run").owner.release()
    if noted:
        store.folder("run").beside.annotate(lambda found: replace(found, note="mine"))
    if by == "page":
        assert wait(runner, runner.go_on("run", tiny_registry)).state == "failed"
    else:
        run = take_up_run("run", store, tiny_registry)
        assert isinstance(run, OpenRun)
        with pytest.raises(ModelError, match="cannot be loaded"):
            go_on(run, fast, TASK_S)
    assert [(m.run_id, m.state) for m in store.list()] == [("run", "failed")] * noted
    assert store.bin.list() == []


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


def test_a_failed_job_is_told_until_its_run_goes_on_without_it(
    runner: JobRunner, fast: WorkerPool, store: RunStore, tiny_registry: Registry, tiny_version: ModelVersion,
    make_zip: MakeZip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    add_part = RunFolder.add_part

    def lose(self: RunFolder, part: int, *rows: object) -> None:
        if part == 1:
            self.path.rename(tmp_path / "elsewhere")
        add_part(self, part, *rows)  # type: ignore[arg-type]

    jobs = VisitorsJobs(runner, store)
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "add_part", lose)
        failed = wait(runner, runner.start(make_zip({"cat": 12}), tiny_version))
    assert failed.state == "failed" and failed.error and failed.error.code == "run_vanished"
    assert f"`python -m dashboard evaluate --resume {failed.run_id}`" in failed.error.fix
    assert jobs.get(failed.run_id) == failed
    (tmp_path / "elsewhere").rename(store.root / failed.run_id)
    assert jobs.get(failed.run_id) is None
    elsewhere = JobRunner(fast, store, CHUNK_SIZE, TASK_S)
    assert wait(elsewhere, elsewhere.go_on(failed.run_id, tiny_registry)).state == "finished"
    assert jobs.get(failed.run_id) is None and len(store.folder(failed.run_id).load().table) == 12


def test_a_failed_resumption_is_told_until_another_process_resumes_the_run(
    runner: JobRunner, store: RunStore, tiny_registry: Registry, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    jobs, path = VisitorsJobs(runner, store), make_zip({"cat": 12})
    begin_run(plan_run(path, tiny_version), store, 5, "run").owner.release()
    data = path.read_bytes()
    path.unlink()
    failed = wait(runner, runner.go_on("run", tiny_registry))
    assert jobs.get("run") == failed and failed.state == store.folder("run").manifest().state == "failed"
    path.write_bytes(data)
    resumed = take_up_run("run", store, tiny_registry)
    assert isinstance(resumed, OpenRun) and jobs.get("run") is None
    resumed.owner.release()


def test_there_is_no_such_job(runner: JobRunner) -> None:
    assert runner.get("nothing") is None


def test_a_paused_job_that_is_cancelled_is_not_tried_again_while_it_is_measured(
    runner: JobRunner, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_part, measured, parts = RunFolder.add_part, Future[None](), []

    def full(self: RunFolder, part: int, rows: object, notes: object) -> None:
        if parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        parts.append(part)
        add_part(self, part, rows, notes)  # type: ignore[arg-type]

    monkeypatch.setattr(RunFolder, "add_part", full)
    monkeypatch.setattr(EvaluationWork, "measure", lambda self: measured)
    job = wait(runner, runner.start(make_zip({"cat": 12}), tiny_version), lambda job: job.state == "paused")
    runner.cancel(job.run_id)
    until(lambda: store.folder(job.run_id).manifest().state == "cancelled")
    for _ in range(3):
        runner.retry()
        time.sleep(0.05)
    assert runner.get(job.run_id) == job, "nothing was tried"
    measured.set_result(None)
    assert wait(runner, job).state == "cancelled"


def test_nobody_knows_how_long_a_paused_job_still_takes() -> None:
    job = Job("20260101-000000-abc", Path("a.zip"), "tiny@1", "running", Progress(50, 100, 0, 10.0))
    assert job.remaining_s == 10 and replace(job, state="paused").remaining_s is None
