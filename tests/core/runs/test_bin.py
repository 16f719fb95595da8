"""Deleted runs can be restored for 7 days, whatever the clock does."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.core.errors import DatasetError
from dashboard.core.runs.bin import Bin
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.run import damaged, how_to_finish
from dashboard.core.runs.store import RunStore, storage_error
from tests.run_rows import manifest, ok, table_of

DAY = 86_400


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "runs")
    store.folder("a").save(manifest("a"))
    store.folder("a").add_part(0, table_of([ok(0, "cat", "cat")]))
    return store


def set_clock(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    now = time.time() + days * DAY
    monkeypatch.setattr("time.time", lambda: now)


def test_a_deleted_run_comes_back_as_it_was(store: RunStore) -> None:
    before = store.folder("a").load().table
    store.delete("a")
    assert store.list() == [] and store.damaged() == []
    [deleted] = store.bin.list()
    assert (deleted.run_id, deleted.days_left, deleted.manifest) == ("a", 7, manifest("a"))
    store.bin.restore("a")
    assert store.bin.list() == [] and store.folder("a").load().table.equals(before)
    with pytest.raises(DatasetError) as caught:
        store.bin.restore("a")
    assert caught.value.code == "run_unknown"


@pytest.mark.parametrize("user, told", [("", "was deleted"), ("bob", "There is no evaluation")])
def test_who_may_see_a_run_learns_that_it_was_deleted(tmp_path: Path, user: str, told: str) -> None:
    runs = tmp_path / "runs"
    RunStore(runs).folder("a").save(manifest("a", user=user))
    RunStore(runs).delete("a")
    with pytest.raises(DatasetError, match=told) as caught:
        RunStore(runs, Visitor("ann")).folder("a").load()
    assert caught.value.code == "run_unknown"
    assert ("runs restore a" in caught.value.fix) == (told == "was deleted")


def test_a_run_of_somebody_else_is_told_like_one_that_is_not_there(tmp_path: Path) -> None:
    RunStore(tmp_path).folder("bobs").save(manifest("bobs", user="bob"))
    for run_id in ("bobs", "gone"):
        with pytest.raises(DatasetError) as caught:
            RunStore(tmp_path, Visitor("ann")).folder(run_id)
        assert caught.value.message == f"There is no evaluation {run_id!r}, or it is not yours to see."
    for sees_all in (OPERATOR, Visitor("root", is_admin=True)):
        with pytest.raises(DatasetError) as caught:
            RunStore(tmp_path, sees_all).folder("gone").manifest()
        assert caught.value.message == "There is no evaluation 'gone'."


def test_commands_in_advice_hold_for_any_name_of_a_folder(tmp_path: Path) -> None:
    """People rename folders."""
    store, name = RunStore(tmp_path / "runs"), "my run; 2"
    store.folder(name).save(manifest(name))
    advice = [
        how_to_finish(manifest(name), "interrupted"), damaged(name, "x").fix,
        storage_error(store.root, OSError("no"), name).fix,
    ]  # fmt: skip
    store.delete(name)
    with pytest.raises(DatasetError, match="was deleted") as caught:
        store.folder(name).load()
    for fix in (*advice, caught.value.fix):
        [command] = re.findall("`(.*)`", fix)
        assert shlex.split(command)[-1] == name, fix


def test_two_who_restore_a_run_at_once(store: RunStore) -> None:
    class Slow(Bin):
        def _own_entries(self) -> Sequence[tuple[int, Path]]:
            found = super()._own_entries()
            store.bin.restore("a")
            return found

    store.delete("a")
    with pytest.raises(
        DatasetError, match=r"There is no deleted evaluation 'a'|There is an evaluation 'a' already"
    ) as caught:
        Slow(store.root).restore("a")
    assert caught.value.code in ("run_unknown", "run_exists") and len(store.list()) == 1


def test_two_who_delete_a_run_at_once(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def after_another(folder: Path) -> None:
        Bin(store.root).add(folder)
        Bin(store.root).add(folder)

    monkeypatch.setattr(store.bin, "add", after_another)
    store.delete("a")
    assert [run.run_id for run in store.bin.list()] == ["a"]


def test_a_run_that_is_deleted_while_it_is_read_is_not_called_damaged(store: RunStore) -> None:
    run = store.folder("a").load()
    store.delete("a")
    for read in (lambda: run.detail(run.table, ["reason"]), lambda: run.column("margin"), lambda: run.answers):
        with pytest.raises(DatasetError) as caught:
            read()
        assert caught.value.code == "run_unknown"


def test_a_run_that_is_restored_while_it_is_looked_for_is_not_called_damaged(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.delete("a")
    folder = RunFolder(store.root / "a")
    exist = folder.rows.exist

    def restored_meanwhile() -> bool:
        store.restore("a")
        return exist()

    monkeypatch.setattr(folder.rows, "exist", restored_meanwhile)
    with pytest.raises(DatasetError) as caught:
        folder.manifest()
    assert caught.value.code == "run_unknown" and folder.manifest() == manifest("a")


def test_what_is_no_folder_in_the_bin_hides_nothing(store: RunStore) -> None:
    store.delete("a")
    (store.root / ".bin" / "99").write_text("no folder")
    (store.root / ".bin" / "98").symlink_to("98")
    (store.root / ".bin" / "97").mkdir()
    (store.root / ".bin" / "97" / "file").write_text("no run")
    assert "a" in [run.run_id for run in store.bin.list()]
    store.tidy()
    store.restore("a")
    assert [run.run_id for run in store.list()] == ["a"]


@pytest.mark.parametrize("kind", ["file", "loop"])
def test_a_folder_of_all_runs_that_is_none_is_told(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "runs"
    if kind == "file":
        root.write_text("no folder")
    else:
        root.symlink_to(root)
    store = RunStore(root)
    for ask in (store.list, store.damaged, store.read):
        with pytest.raises(DatasetError, match=f"The evaluations in {root} cannot be read") as caught:
            ask()
        assert caught.value.code == "storage" and caught.value.fix
    assert store.bin.list() == []


def test_a_run_with_the_same_id_is_not_replaced(store: RunStore) -> None:
    store.delete("a")
    store.folder("a").save(manifest("a", n_images=1))
    with pytest.raises(DatasetError) as caught:
        store.bin.restore("a")
    assert caught.value.code == "run_exists" and store.folder("a").manifest().n_images == 1
    store.delete("a")
    assert len(store.bin.list()) == 2


@pytest.mark.parametrize("days, left", [(0, 7), (6.5, 1), (7.1, None), (-400, 7)])
def test_it_is_removed_after_seven_days(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, days: float, left: int | None
) -> None:
    """Also if the clock was set back by more than a year after the deletion."""
    store.delete("a")
    set_clock(monkeypatch, days)
    store.tidy()
    assert [run.days_left for run in store.bin.list()] == ([left] if left else [])


def test_a_clock_that_was_wrong_during_the_deletion_removes_nothing_early(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as wrong:
        set_clock(wrong, -4000)
        store.delete("a")
    store.tidy()
    assert [run.days_left for run in store.bin.list()] == [7]


def test_what_killed_processes_left_is_tidied_and_rows_are_not(store: RunStore) -> None:
    begun = store.root / "begun"
    begun.mkdir()
    (begun / "owner.lock").touch()
    unfinished = store.root / "a" / ".part-0000001.parquet.x.unfinished"
    unfinished.touch()
    store.tidy()
    assert begun.exists() and unfinished.exists()  # another process may be at work
    for path in (begun, unfinished):
        os.utime(path, (0, 0))
    store.tidy()
    assert not begun.exists() and not unfinished.exists() and len(store.folder("a").load().table) == 1
