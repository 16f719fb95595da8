"""Each file in the folder of a run, damaged in each way: what the run needs it for is told, and the rest can be used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.measuring import measure
from dashboard.core.runs.export import export_run
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.overview import overviews
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from tests.simulated_runs import clean

RUN = "20260101-000000-abc"
BESIDE = {"annotations.json": "tags, subsets", "attributes.parquet": "further columns", "thumbnails.npy": "pictures"}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def make_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def make_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def link_to_zeros(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes() or b"0")
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: list[Callable[[Path], object]] = [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(np.random.default_rng(0).bytes(3000)),
    truncate, flip_a_bit, make_folder, make_pipe, link_to_zeros,
]  # fmt: skip
each_damage = pytest.mark.parametrize("damage", DAMAGES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = clean(1, 40, 3).store(tmp_path_factory.mktemp("whole") / RUN)
    folder.beside.attributes.keep(pa.table({"weather": ["sun", "rain"] * 20}))
    folder.beside.annotate(lambda found: replace(found.tagged("odd", [1, 2]), note="seen"))
    folder.keep_user("ann")
    folder.own().release()
    measure(folder)
    return folder.path


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> RunStore:
    shutil.copytree(whole, tmp_path / "runs" / RUN)
    return RunStore(tmp_path / "runs")


def can_be_used(store: RunStore, tmp_path: Path) -> RunFolder:
    """Lists, loads, filters and exports the run."""
    folder = store.folder(RUN)
    assert [run.manifest.run_id for run in overviews(store)] == [RUN] and store.damaged() == []
    run = folder.load(VIEW_COLUMNS)
    assert len(run.table) == 40 and (found := run.evaluation()) and found.accuracy.n == 40
    assert run.further_detail(np.arange(3)) and len(run.scores) > 3
    assert len(folder.load(VIEW_COLUMNS, parse_filter(["confidence>=0"])).table) == 40
    assert len(export_run(run, tmp_path / "out", "{}")) == 3
    return folder


@each_damage
@pytest.mark.parametrize("name", BESIDE)
def test_a_file_beside_the_rows(store: RunStore, tmp_path: Path, name: str, damage: Callable[[Path], object]) -> None:
    damage(store.root / RUN / name)
    folder = can_be_used(store, tmp_path)
    [(file, fault)] = folder.beside.faults().items()
    assert file == name and fault.code == "run_file_damaged"
    assert (
        fault.message.startswith(f"{name} of the evaluation {RUN} cannot be read (") and BESIDE[name] in fault.message
    )
    assert str(folder.path / name) in fault.fix
    for column, needed in (("tag=odd", "annotations.json"), ("weather=rain", "attributes.parquet")):
        if name == needed:
            with pytest.raises(DatasetError) as caught:
                folder.load(VIEW_COLUMNS, parse_filter([column]))
            assert str(caught.value) == str(fault)
        else:
            assert 0 < len(folder.load(VIEW_COLUMNS, parse_filter([column])).table) < 40
    folder.beside.set_aside(name)
    assert folder.beside.faults() == {} and os.path.lexists(folder.path / f"{name}.damaged")
    can_be_used(store, tmp_path)


@each_damage
@pytest.mark.parametrize("name", ["evaluation.json", "user.json", "owner.lock", ".annotations.lock"])
def test_a_file_without_which_nothing_is_missing(
    store: RunStore, tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    damage(store.root / RUN / name)
    assert can_be_used(store, tmp_path).beside.faults() == {}


@each_damage
@pytest.mark.parametrize("name", ["manifest.json", "rows.parquet"])
def test_a_file_without_which_there_is_no_evaluation(
    store: RunStore, name: str, damage: Callable[[Path], object]
) -> None:
    path = store.root / RUN / name
    damage(path)
    with pytest.raises(DatasetError, match=name) as caught:
        store.folder(RUN).load()
    assert caught.value.code == "run_damaged"
    store.read(), overviews(store)
    store.delete(RUN)
    store.restore(RUN)
    assert os.path.lexists(path)


def test_rows_that_may_not_be_read_are_not_called_damaged(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        if path.name == "manifest.json":
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("dashboard.core.files.check_regular", refuse)
    [run] = store.damaged()
    manifest = store.root / RUN / "manifest.json"
    assert run.reason == f"The evaluation {RUN} cannot be read: {manifest}: Permission denied."
    assert run.fix == f"Make {manifest} readable for the dashboard's user."
