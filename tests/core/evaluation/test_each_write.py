"""A run survives a fault at each of its writes: it is resumed, and the result is that of an undisturbed run."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.opening import Found, OpenRun, begin_run, take_up_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.evaluation.work import Progress
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.store import RunStore, storage_error
from tests.conftest import MakeZip
from tests.evaluating import evaluate
from tests.local_engine import LocalEngine
from tests.small_disk import fill

CHUNK, CHUNK_S = 3, 20.0


@pytest.fixture
def dataset(make_zip: MakeZip) -> Path:
    return make_zip({"cat": 4, "dog": 4}, extra={"cat/broken.png": b"no image"})


@pytest.fixture
def undisturbed(dataset: Path, tiny_version: ModelVersion, tmp_path: Path) -> pd.DataFrame:
    store = RunStore(tmp_path / "undisturbed")
    return rows(store, evaluate(dataset, tiny_version, LocalEngine(), store, CHUNK).run_id)


def rows(store: RunStore, run_id: str) -> pd.DataFrame:
    """The rows with the checksum of each thumbnail, and the metrics."""
    run, thumbnails = store.folder(run_id).load(), store.folder(run_id).beside.thumbnails()
    assert run.state == "finished" and run.evaluation() is not None
    sums = [0] * len(run.table) if thumbnails is None else [zlib.crc32(each.tobytes()) for each in thumbnails]
    return run.table.assign(thumbnail=sums)


def in_child(work: Callable[[], object]) -> int:
    """Does something in a forked process and returns how that ended, as `os.waitpid` says."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def kill_at(change: int, root: Path) -> None:
    """Kills this process just before its change number `change` of the files below `root`."""
    seen, below = 0, str(root)

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        writes = event in ("os.rename", "os.mkdir", "os.remove", "os.truncate", "os.chmod") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if writes and str(arguments[0]).startswith(below):
            seen += 1
            if seen == change:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def resume(store: RunStore, registry: Registry) -> str:
    """Resumes the only run of the store and returns its id."""
    [manifest] = store.list()
    run = take_up_run(manifest.run_id, store, registry)
    if not isinstance(run, Found):
        go_on(run, LocalEngine(), CHUNK_S)
    return manifest.run_id


@pytest.mark.filterwarnings("ignore:This process")  # it is multi-threaded: the child only evaluates and ends
def test_killed_before_any_write(
    dataset: Path, tiny_version: ModelVersion, tiny_registry: Registry, tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    killed = resumed = 0
    for change in range(1, 100):
        store = RunStore(tmp_path / "runs" / str(change))
        # a copy, because a forked process shares the position in files that this one has open
        copy = Path(shutil.copy(dataset, tmp_path / f"{change}.zip"))

        def work(store: RunStore = store, change: int = change, copy: Path = copy) -> None:
            kill_at(change, store.root)
            evaluate(copy, tiny_version, LocalEngine(), store, CHUNK)

        status = in_child(work)
        if status == 0:
            break
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        killed += 1
        assert store.damaged() == []
        if store.list():  # else it was killed before the run was visible
            resumed += 1
            assert_frame_equal(rows(store, resume(store, tiny_registry)), undisturbed)
            assert not list(store.root.glob("*/.*.unfinished"))
    assert killed > 15 and resumed > 10


def test_a_disk_that_is_full_at_any_write(
    dataset: Path, tiny_version: ModelVersion, tiny_registry: Registry, small_disk: Path, undisturbed: pd.DataFrame
) -> None:
    failed = 0
    for pages in range(100):
        store = RunStore(small_disk / "runs")
        ballast = fill(small_disk, leave=pages * os.statvfs(small_disk).f_frsize)
        try:
            evaluate(dataset, tiny_version, LocalEngine(), store, CHUNK)
        except (DatasetError, OSError) as error:
            failed += 1
            assert "No space left" in str(error)
        else:
            if rows(store, store.list()[0].run_id)["thumbnail"].all():
                break
        ballast.unlink()
        assert store.damaged() == []
        if store.list():
            found = rows(store, resume(store, tiny_registry))
            assert_frame_equal(found.drop(columns="thumbnail"), undisturbed.drop(columns="thumbnail"))
            assert_frame_equal(found, undisturbed) if found["thumbnail"].all() else None
        shutil.rmtree(store.root)
    assert failed > 5


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", None])
@pytest.mark.parametrize("chunks_done", [0, 1])
def test_a_damaged_or_missing_file_of_thumbnails(
    dataset: Path,
    tiny_version: ModelVersion,
    tiny_registry: Registry,
    tmp_path: Path,
    undisturbed: pd.DataFrame,
    damage: bytes | None,
    chunks_done: int,
) -> None:
    """They are made again if no row has one; else there are none, which a note says: some would be black."""
    store = RunStore(tmp_path / "runs")
    run = begin_run(plan_run(dataset, tiny_version, None), store, CHUNK, "run")

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    if chunks_done:
        with pytest.raises(KeyboardInterrupt):
            go_on(run, LocalEngine(), CHUNK_S, stop)
    run.owner.release()
    path = store.folder("run").path / "thumbnails.npy"
    path.unlink(missing_ok=True)
    if damage is not None:
        path.write_bytes(damage)
    found = rows(store, resume(store, tiny_registry))
    assert_frame_equal(found.drop(columns="thumbnail"), undisturbed.drop(columns="thumbnail"))
    assert np.all(found["thumbnail"] == 0) if chunks_done else found.equals(undisturbed)
    assert any("small pictures" in note for note in store.list()[0].notes) == bool(chunks_done)


def test_a_folder_that_vanishes_is_told_and_not_made_again(
    dataset: Path, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    store = RunStore(tmp_path / "runs")

    def remove(progress: Progress) -> None:
        for path in store.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)

    with pytest.raises(DatasetError) as caught:
        evaluate(dataset, tiny_version, LocalEngine(), store, CHUNK, on_progress=remove)
    assert caught.value.code == "run_vanished" and "permission" not in str(caught.value)
    assert not [path for path in store.root.iterdir() if path.is_dir()]


@pytest.mark.filterwarnings("ignore:This process")
def test_permission_lost_during_the_evaluation(
    dataset: Path, tiny_version: ModelVersion, tiny_registry: Registry, tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    """The process loses the right to write when it becomes another user, or when the folder becomes read-only."""
    store, dataset = RunStore(tmp_path / "runs"), Path(shutil.copy(dataset, tmp_path / "copy.zip"))

    def lose(progress: Progress) -> None:
        [folder] = [path for path in store.root.iterdir() if path.is_dir()]
        folder.chmod(0o555)
        if os.geteuid() == 0:
            os.seteuid(65534)

    def work() -> None:
        with pytest.raises(DatasetError, match="Permission denied") as caught:
            evaluate(dataset, tiny_version, LocalEngine(), store, CHUNK, on_progress=lose)
        assert caught.value.code == "storage" and "permission to write" in caught.value.fix

    for folder in (tmp_path, *tmp_path.parents):  # the other user must be able to go there
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    assert in_child(work) == 0
    [folder] = [path for path in store.root.iterdir() if path.is_dir()]
    folder.chmod(0o755)
    assert_frame_equal(rows(store, resume(store, tiny_registry)), undisturbed)


def test_a_clock_that_is_set_back_changes_nothing(
    dataset: Path,
    tiny_version: ModelVersion,
    tiny_registry: Registry,
    tmp_path: Path,
    undisturbed: pd.DataFrame,
) -> None:
    store = RunStore(tmp_path / "runs")

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    run = begin_run(plan_run(dataset, tiny_version, None), store, CHUNK, "run")
    with pytest.raises(KeyboardInterrupt):
        go_on(run, LocalEngine(), CHUNK_S, stop)
    run.folder.save(run.manifest)  # as a killed process leaves it
    for path in run.folder.path.glob("part-*"):
        os.utime(path, (0, 0))  # written in 1970, as it seems
    assert_frame_equal(rows(store, resume(store, tiny_registry)), undisturbed)
    assert 0 <= store.list()[0].seconds < 60
    (store.root / "run" / "manifest.json").touch()
    assert isinstance(take_up_run("run", store, tiny_registry), (Found, OpenRun))


def make_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "somebody's").touch()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.fixture
def cancelled(dataset: Path, tiny_version: ModelVersion, tmp_path: Path) -> RunStore:
    """A store with a run that was stopped after two of its three parts."""
    store = RunStore(tmp_path / "runs")

    def stop(progress: Progress) -> None:
        if progress.done == 2 * CHUNK:
            raise KeyboardInterrupt

    run = begin_run(plan_run(dataset, tiny_version, None), store, CHUNK, "run")
    with pytest.raises(KeyboardInterrupt):
        go_on(run, LocalEngine(), CHUNK_S, stop)
    return store


@pytest.mark.parametrize(
    "name, damage",
    [
        ("part-0000001.parquet", make_folder), ("part-0000001.parquet", cut_off), ("part-0000002.parquet", make_folder),
        ("rows.parquet", make_folder),
    ],
)  # fmt: skip
def test_a_damaged_file_of_an_unfinished_run_counts_as_not_done(
    cancelled: RunStore, tiny_registry: Registry, undisturbed: pd.DataFrame, name: str, damage: Callable[[Path], None]
) -> None:
    folder = cancelled.folder("run")
    before = len(folder.load().table)
    done_before = (folder.path / name).exists() and name.startswith("part")
    damage(folder.path / name)
    run = folder.load()  # so that the page can offer to resume it
    assert run.state == "cancelled" and len(run.table) == before - (CHUNK if done_before else 0)
    assert_frame_equal(rows(cancelled, resume(cancelled, tiny_registry)), undisturbed)
    assert damage is cut_off or (folder.path / f"{name}.damaged" / "somebody's").exists()


@pytest.mark.parametrize("name", ["evaluation.json", "stop", "owner.lock"])
def test_a_folder_in_place_of_a_file_that_is_written_is_named_with_a_way_out_that_works(
    cancelled: RunStore, tiny_registry: Registry, undisturbed: pd.DataFrame, name: str
) -> None:
    path = cancelled.root / "run" / name
    make_folder(path)
    with pytest.raises(OSError) as caught:
        resume(cancelled, tiny_registry)
    told = storage_error(cancelled.root, caught.value, "run")
    assert told.fix.startswith(f"Remove {path}, which should be a file, then resume")
    shutil.rmtree(path)
    assert_frame_equal(rows(cancelled, resume(cancelled, tiny_registry)), undisturbed)
