"""A request gives the same result from the command line and from the page, whatever runs are in the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.cli.evaluate import open_or_wait
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.jobs import JobRunner
from dashboard.core.evaluation.opening import Found, OpenRun, UnderWay, begin_run, open_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.owner import RunOwner
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import TASK_S
from tests.conftest import MakeZip

CHUNK, IMAGES = 5, 12
EARLIER = "earlier"


@pytest.fixture
def path(make_zip: MakeZip) -> Path:
    return make_zip({"cat": IMAGES})


Request = Callable[[Path, ModelVersion, WorkerPool, RunStore, bool], str]


def by_command_line(path: Path, version: ModelVersion, pool: WorkerPool, store: RunStore, reuse: bool) -> str:
    """Returns the id of the resulting run."""
    opened = open_or_wait(plan_run(path, version), store, CHUNK, reuse)
    return opened.manifest.run_id if isinstance(opened, Found) else go_on(opened, pool, TASK_S).run_id


def by_page(path: Path, version: ModelVersion, pool: WorkerPool, store: RunStore, reuse: bool) -> str:
    runner = JobRunner(pool, store, CHUNK, TASK_S)
    run_id = runner.start(path, version, use_stored=reuse).run_id
    until(lambda: (job := runner.get(run_id)) and not job.active)
    job = runner.get(run_id)
    assert job is not None and job.state == "finished"
    return job.found or run_id


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def stopped_after_one_chunk(run: OpenRun, pool: WorkerPool) -> None:
    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go_on(run, pool, TASK_S, stop)


@pytest.mark.parametrize("request_by", [by_command_line, by_page])
@pytest.mark.parametrize("reuse", [True, False])
@pytest.mark.parametrize("case", ["new", "finished", "under way", "interrupted", "cancelled", "failed"])
def test_a_request_becomes(
    request_by: Request,
    reuse: bool,
    case: str,
    fast: WorkerPool,
    store: RunStore,
    path: Path,
    tiny_version: ModelVersion,
) -> None:
    working: threading.Thread | None = None
    if case != "new":
        earlier = begin_run(plan_run(path, tiny_version), store, CHUNK, EARLIER)
        if case == "finished":
            go_on(earlier, fast, TASK_S)
        elif case == "under way":
            working = threading.Timer(0.3, go_on, (earlier, fast, TASK_S))
            working.start()
        else:
            stopped_after_one_chunk(earlier, fast)
            state = {"interrupted": "running", "cancelled": "cancelled", "failed": "failed"}[case]
            earlier.folder.finish(earlier.manifest, state, 1.0)  # type: ignore[arg-type]
    result = request_by(path, tiny_version, fast, store, reuse)
    assert (result == EARLIER) is (reuse and case != "new")
    if working:
        working.join()
    until(lambda: store.folder(result).manifest().state == "finished")
    assert len(store.folder(result).load(["index"]).table) == IMAGES
    assert len(store.list()) == (1 if reuse or case == "new" else 2)


@pytest.mark.parametrize("request_by", [by_command_line, by_page])
@pytest.mark.parametrize("what", ["changed", "elsewhere", "labels"])
def test_an_interrupted_run_of_another_dataset_is_left_alone(
    request_by: Request,
    what: str,
    fast: WorkerPool,
    store: RunStore,
    path: Path,
    tiny_version: ModelVersion,
    make_zip: MakeZip,
) -> None:
    meaning = {"cat": "dog"} if what == "labels" else None
    stopped_after_one_chunk(begin_run(plan_run(path, tiny_version, meaning), store, CHUNK, EARLIER), fast)
    if what == "changed":
        make_zip({"cat": IMAGES + 1})
    elif what == "elsewhere":
        path = path.rename(path.with_name("other.zip"))
    result = request_by(path, tiny_version, fast, store, True)
    assert result != EARLIER and store.folder(EARLIER).manifest().state == "cancelled"


def test_what_is_taken_up_goes_on_with_its_rows_and_its_time(
    fast: WorkerPool, store: RunStore, path: Path, tiny_version: ModelVersion
) -> None:
    plan = plan_run(path, tiny_version)
    begun = begin_run(plan, store, CHUNK, EARLIER)
    assert not begun.taken_up
    stopped_after_one_chunk(begun, fast)
    done = store.folder(EARLIER).rows.parts()
    again = open_run(plan, store, CHUNK + 1, "new")
    assert isinstance(again, OpenRun) and again.taken_up and again.manifest.run_id == EARLIER
    assert again.manifest.chunk_size == CHUNK, "the parts that are there were cut like that"
    assert again.seconds_before == store.folder(EARLIER).manifest().seconds > 0
    assert again.folder.rows.parts() == done and again.manifest.state == "running"
    again.owner.release()


def test_two_requests_for_a_stopped_run_are_one_run(store: RunStore, path: Path, tiny_version: ModelVersion) -> None:
    plan = plan_run(path, tiny_version)
    begin_run(plan, store, CHUNK, EARLIER).owner.release()
    one, other = open_run(plan, store, CHUNK, "one"), open_run(plan, store, CHUNK, "other")
    assert isinstance(one, OpenRun) and isinstance(other, UnderWay)
    assert one.manifest.run_id == other.manifest.run_id == EARLIER
    one.owner.release()


class TakenMeanwhile(RunStore):
    """A store in which another process deletes or resumes the interrupted run just after it was found."""

    owner: RunOwner | None = None

    def __init__(self, root: Path, deleted: bool) -> None:
        super().__init__(root)
        self._deleted = deleted

    def interrupted(self, key: str, dataset: Path) -> RunManifest | None:
        found = super().interrupted(key, dataset)
        assert found is not None
        if self._deleted:
            self.delete(found.run_id)
        else:
            self.owner = self.folder(found.run_id).own()
        return found


@pytest.mark.parametrize("deleted", [False, True])
def test_a_run_that_cannot_be_taken_up_any_more(
    store: RunStore, path: Path, tiny_version: ModelVersion, deleted: bool
) -> None:
    plan = plan_run(path, tiny_version)
    begin_run(plan, store, CHUNK, EARLIER).owner.release()
    meanwhile = TakenMeanwhile(store.root, deleted)
    opened = open_run(plan, meanwhile, CHUNK, "new")
    if deleted:
        assert isinstance(opened, OpenRun) and not opened.taken_up and opened.manifest.run_id == "new"
        opened.owner.release()
    else:
        assert isinstance(opened, UnderWay) and opened.manifest.run_id == EARLIER
    assert len(store.list()) == 1
