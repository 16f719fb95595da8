"""Faults during an evaluation, with real processes that are killed and a real file system that is full."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.jobs import JobRunner
from dashboard.core.evaluation.opening import OpenRun, take_up_run
from dashboard.core.evaluation.work import Progress
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.overview import overviews
from dashboard.core.runs.run import unfinished_notes
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import CHUNK_SIZE, TASK_S
from tests.conftest import ROOT, encoded, picture
from tests.evaluating import evaluate
from tests.small_disk import fill
from tests.worker.hostile_worker import EVALUATING

PATIENCE_S = 60.0


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def two() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, task_s=20, command=EVALUATING, stagger_s=0)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """242 files; two of them cannot be evaluated."""
    path = tmp_path_factory.mktemp("dataset") / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(240):
            archive.writestr(f"{'cat' if i < 130 else 'dog'}/{i}.png", encoded(picture(i)))
        archive.writestr("cat/broken.png", b"no image")
        archive.writestr("dog/empty.png", b"")
    return path


@pytest.fixture(scope="module")
def undisturbed(
    two: WorkerPool, tiny_version: ModelVersion, dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    store = RunStore(tmp_path_factory.mktemp("undisturbed"))
    return rows_and_thumbnails(store, evaluate(dataset, tiny_version, two, store, 16).run_id)


def rows_and_thumbnails(store: RunStore, run_id: str) -> pd.DataFrame:
    """The rows of a run, each with the checksum of its thumbnail."""
    table = store.folder(run_id).load().table
    thumbnails = store.folder(run_id).beside.thumbnails()
    assert thumbnails is not None and len(thumbnails) == 242
    return table.assign(thumbnail=[zlib.crc32(thumbnails[i].tobytes()) for i in table["index"]])


def test_workers_killed_at_random_cost_no_row(
    two: WorkerPool, tiny_version: ModelVersion, store: RunStore, dataset: Path, undisturbed: pd.DataFrame
) -> None:
    """44: no row is missing or doubled compared with an undisturbed run, even if most workers die soon."""
    over, chance = threading.Event(), random.Random(1)
    kills = 0

    def kill_some() -> None:
        nonlocal kills
        while not over.wait(0.2):
            pids = [w.pid for w in two.workers() if w.pid]
            if pids and kills < 30:
                os.kill(chance.choice(pids), signal.SIGKILL)
                kills += 1

    killer = threading.Thread(target=kill_some)
    killer.start()
    try:
        manifest = evaluate(dataset, tiny_version, two, store, 16)
    finally:
        over.set()
        killer.join()
    assert kills >= 6 and manifest.state == "finished"
    assert_frame_equal(rows_and_thumbnails(store, manifest.run_id), undisturbed)


def test_a_worker_that_hangs_is_replaced_and_costs_no_row(
    two: WorkerPool, tiny_version: ModelVersion, store: RunStore, dataset: Path, undisturbed: pd.DataFrame
) -> None:
    """46: SIGSTOP makes a worker hang: it neither answers nor ends."""
    stopped: list[int] = []

    def stop_one(progress: Progress) -> None:
        pids = [w.pid for w in two.workers() if w.pid and w.state == "busy"]
        if not stopped and pids:
            stopped.append(pids[0])
            os.kill(pids[0], signal.SIGSTOP)

    manifest = evaluate(dataset, tiny_version, two, store, 16, chunk_s=2.0, on_progress=stop_one)
    assert stopped and manifest.state == "finished"
    assert stopped[0] not in [w.pid for w in two.workers()]
    assert_frame_equal(rows_and_thumbnails(store, manifest.run_id), undisturbed)


SERVER = """
import sys, time
from pathlib import Path
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.evaluation.jobs import JobRunner
from dashboard.core.models.registry import Registry
from dashboard.core.runs.store import RunStore
from tests.worker.hostile_worker import EVALUATING

models, runs, *datasets = map(Path, sys.argv[1:])
jobs = JobRunner(WorkerPool(2, command=EVALUATING, stagger_s=0), RunStore(runs), 16, 120.0)
taken_up = jobs.go_on_with_interrupted(Registry(models))
started = [jobs.start(path, Registry(models).get("tiny@1")) for path in datasets]
while jobs.active():
    time.sleep(0.05)
for job in taken_up:
    print(jobs.get(job.run_id).state, jobs.get(job.run_id).progress.before, flush=True)
"""


def server(*arguments: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SERVER, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_server_goes_on_from_the_last_part_when_it_is_started_again(
    tiny_registry: Registry, store: RunStore, dataset: Path, undisturbed: pd.DataFrame
) -> None:
    """51."""
    with server(tiny_registry.root, store.root, dataset) as first:
        until(lambda: len(list(store.root.glob("*/part-*"))) >= 3)
        first.send_signal(signal.SIGKILL)
    [manifest] = store.list()
    done = store.folder(manifest.run_id).rows.parts()
    assert manifest.state == "running" and not store.folder(manifest.run_id).is_owned() and 3 <= len(done) < 16
    with server(tiny_registry.root, store.root) as second:
        printed, _ = second.communicate(timeout=PATIENCE_S)
    assert printed.split() == ["finished", str(sum(part.rows for part in done.values()))]
    assert store.folder(manifest.run_id).manifest().seconds > 0
    assert_frame_equal(rows_and_thumbnails(store, manifest.run_id), undisturbed)


def test_a_part_that_was_damaged_is_evaluated_again(
    two: WorkerPool,
    tiny_registry: Registry,
    tiny_version: ModelVersion,
    store: RunStore,
    dataset: Path,
    undisturbed: pd.DataFrame,
) -> None:
    def damage_and_stop(progress: Progress) -> None:
        if progress.done >= 64:
            part = next(iter(store.root.glob("*/part-*")))
            part.write_bytes(part.read_bytes()[:200])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(dataset, tiny_version, two, store, 16, on_progress=damage_and_stop)
    [manifest] = store.list()
    run = take_up_run(manifest.run_id, store, tiny_registry)
    assert isinstance(run, OpenRun)
    go_on(run, two, TASK_S)
    assert_frame_equal(rows_and_thumbnails(store, manifest.run_id), undisturbed)


def test_only_one_of_two_servers_takes_up_a_run(
    two: WorkerPool, tiny_registry: Registry, tiny_version: ModelVersion, store: RunStore, dataset: Path
) -> None:
    with server(tiny_registry.root, store.root, dataset) as other:
        until(lambda: list(store.root.glob("*/part-*")))
        [manifest] = store.list()
        assert JobRunner(two, store, CHUNK_SIZE, TASK_S).go_on_with_interrupted(tiny_registry) == []
        with pytest.raises(DatasetError, match=str(other.pid)) as caught:
            take_up_run(manifest.run_id, store, tiny_registry)
        assert caught.value.code == "run_in_use"
        with pytest.raises(DatasetError):
            store.delete(manifest.run_id)
        assert store.folder(manifest.run_id).manifest().state == "running"
        other.send_signal(signal.SIGKILL)


def test_a_full_disk_pauses_the_job_and_it_goes_on_by_itself(
    two: WorkerPool, tiny_version: ModelVersion, small_disk: Path, dataset: Path, undisturbed: pd.DataFrame,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """48."""
    caplog.set_level(logging.INFO, "dashboard")
    store = RunStore(small_disk / "runs")
    ballast = fill(small_disk, leave=300_000)
    jobs = JobRunner(two, store, 16, TASK_S, retry_s=0.3)
    run_id = jobs.start(dataset, tiny_version).run_id
    until(lambda: (job := jobs.get(run_id)) and job.state == "paused")
    job = jobs.get(run_id)
    assert job and job.active and job.error and "No space left" in job.error.message
    written = rows_and_thumbnails(store, run_id)
    assert 0 < len(written) < len(undisturbed)
    assert_frame_equal(written, undisturbed[undisturbed["index"].isin(written["index"])].reset_index(drop=True))
    time.sleep(0.7)  # enough time for attempts that fail
    assert (job := jobs.get(run_id)) and job.state == "paused"
    [told] = overviews(store)  # as another process sees it
    assert told.state == "paused" and told.manifest.message == str(job.error)
    assert unfinished_notes(store.folder(run_id).load())[0].endswith(f"{job.error}")
    assert store.under_way(told.manifest.key)
    [line] = [line for line in caplog.records if "paused" in line.message]
    assert line.levelno == logging.WARNING
    ballast.unlink()
    until(lambda: (job := jobs.get(run_id)) and not job.active)
    assert (job := jobs.get(run_id)) and job.state == "finished" and job.error is None
    assert_frame_equal(rows_and_thumbnails(store, run_id), undisturbed)
    assert not list(store.root.glob("*/.*"))  # no half-written file remains


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_server_that_starts_on_a_full_disk_resumes_its_run_when_there_is_space(
    two: WorkerPool, tiny_registry: Registry, small_disk: Path, dataset: Path, undisturbed: pd.DataFrame, cancelled: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    store = RunStore(small_disk / "runs")
    with server(tiny_registry.root, store.root, dataset) as first:
        until(lambda: len(list(store.root.glob("*/part-*"))) >= 3)
        first.send_signal(signal.SIGKILL)
    [manifest] = store.list()
    ballast, run_id = fill(small_disk, leave=0), manifest.run_id
    jobs = JobRunner(two, store, 16, TASK_S, retry_s=0.3)
    jobs.go_on_with_interrupted(tiny_registry)
    until(lambda: (job := jobs.get(run_id)) and job.state == "paused")
    time.sleep(0.7)  # enough time for attempts that fail
    assert (job := jobs.get(run_id)) and job.error and "No space left" in job.error.message
    assert "resumes by itself" in job.error.fix
    until(lambda: overviews(store)[0].state == "paused")
    assert overviews(store)[0].manifest.message == str(job.error)
    [line] = [line for line in caplog.records if run_id in line.message]
    assert line.levelno == logging.WARNING and "paused" in line.message
    if cancelled:
        store.folder(run_id).ask_to_stop()  # from another process
        until(lambda: (job := jobs.get(run_id)) and job.state == "cancelled")
        assert not store.folder(run_id).is_owned()
        return
    ballast.unlink()
    until(lambda: (job := jobs.get(run_id)) and not job.active)
    assert (job := jobs.get(run_id)) and job.state == "finished" and job.error is None
    assert_frame_equal(rows_and_thumbnails(store, run_id), undisturbed)


def test_a_full_disk_ends_a_command_which_can_go_on_later(
    two: WorkerPool,
    tiny_registry: Registry,
    tiny_version: ModelVersion,
    small_disk: Path,
    dataset: Path,
    undisturbed: pd.DataFrame,
) -> None:
    store = RunStore(small_disk / "runs")
    ballast = fill(small_disk, leave=300_000)
    with pytest.raises(DatasetError, match="No space left") as caught:
        evaluate(dataset, tiny_version, two, store, 16)
    [manifest] = store.list()
    assert f"--resume {manifest.run_id}" in caught.value.fix
    ballast.unlink()
    run = take_up_run(manifest.run_id, store, tiny_registry)
    assert isinstance(run, OpenRun)
    seen: list[Progress] = []
    assert go_on(run, two, TASK_S, on_progress=seen.append).state == "finished"
    assert seen[0].before > 0
    assert_frame_equal(rows_and_thumbnails(store, manifest.run_id), undisturbed)
