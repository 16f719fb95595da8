"""A damaged run is one line in every list, and nothing else."""

from __future__ import annotations

import errno
import json
import logging
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.access.visitor import Visitor
from dashboard.core.errors import DatasetError
from dashboard.core.files import readable_name
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.overview import overviews
from dashboard.core.runs.store import RunStore
from dashboard.core.shell import in_command
from tests.compared_runs import write_run
from tests.conftest import ROOT
from tests.run_rows import manifest, ok, table_of

GOOD = json.loads((ROOT / "tests/data/run/manifest.json").read_text(encoding="utf-8")) | {"run_id": "bad"}
FAULTS = [
    ("created_utc", 5), ("created_utc", "soon"), ("n_images", -1), ("n_images", 10**30), ("n_images", "many"),
    ("state", "odd"), ("class_names", []), ("class_names", ["a", "a"]), ("class_names", None), ("seconds", -1),
    ("seconds", 1e300), ("chunk_size", 0), ("dataset", "a\0b"), ("label_map", [["a"]]), ("fit", 3), ("run_id", "other"),
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "runs")
    store.folder("good").save(manifest("good"))
    (store.root / "bad").mkdir()
    return store


def put(store: RunStore, text: str | bytes) -> None:
    (store.root / "bad" / "manifest.json").write_bytes(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize("field, value", FAULTS)
def test_an_impossible_value_is_damage_and_named(store: RunStore, field: str, value: object) -> None:
    put(store, json.dumps({**GOOD, field: value}))
    [damaged] = store.damaged()
    assert damaged.run_id == "bad" and field in damaged.reason and [m.run_id for m in store.list()] == ["good"]
    with pytest.raises(DatasetError, match=field) as caught:
        store.folder("bad").load()
    assert caught.value.code == "run_damaged" and "runs delete bad" in caught.value.fix


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
@pytest.mark.parametrize("name", ["manifest.json", "rows.parquet"])
def test_a_damaged_file_is_one_line_in_the_log_and_has_a_traceback_only_for_debug(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, name: str, level: int
) -> None:
    monkeypatch.setattr("dashboard.core.runs.run._TOLD", set())
    folder = write_run(tmp_path, "flipped", ["cat"], np.array([[0.9, 0.1]]), ("cat", "dog"))
    folder.rows.pack(folder.rows.files(("cat", "dog")))
    data = bytearray((folder.path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder.path / name).write_bytes(data)
    with caplog.at_level(level, "dashboard"), pytest.raises(DatasetError, match="its checksum does not match"):
        folder.load()
    [told] = caplog.records
    line, *trace = caplog.handler.format(told).splitlines()
    assert f"Run flipped cannot be read: {name}: its checksum does not match" in line
    assert bool(trace) == (level == logging.DEBUG) and told.levelno == logging.WARNING
    with caplog.at_level(logging.INFO, "dashboard"), pytest.raises(DatasetError):
        folder.load()
    assert caplog.records == [told], "once is enough"


@pytest.mark.parametrize("text", ["", "[]", "null", "5", "[" * 100_000, '{"a":' * 100_000, b"\xff\xfe", "{}"])
def test_anything_but_a_manifest_is_damage(store: RunStore, text: str | bytes) -> None:
    put(store, text)
    assert [run.run_id for run in store.damaged()] == ["bad"] and len(overviews(store)) == 1
    store.delete("bad")
    assert store.damaged() == [] and [run.run_id for run in store.bin.list()] == ["bad"]


ODD_NAMES = ["copy\u00a0of run", "zero\u200bwidth", "two\nlines", "r\udcffn"]  # the last one is no UTF-8


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_with_an_odd_name_is_a_damaged_run_that_can_be_deleted_and_restored(
    store: RunStore, name: str
) -> None:
    with pytest.raises(DatasetError, match="is not the id of an evaluation"):
        store.folder(name)
    RunFolder(store.root / "made").save(manifest(readable_name(name)))
    (store.root / "made").rename(store.root / name)
    [damaged] = store.damaged()
    assert (
        damaged.run_id == name and "the name of" in damaged.reason and f"runs delete {in_command(name)}" in damaged.fix
    )
    assert [run.manifest.run_id for run in overviews(store)] == ["good"]
    store.delete(name)
    [deleted] = store.bin.list()
    assert store.damaged() == [] and (deleted.run_id, deleted.manifest) == (name, None)
    store.restore(name)
    assert store.damaged() == [damaged]


def test_its_owner_can_delete_and_restore_it_and_no_other_user(store: RunStore) -> None:
    ann, bob = (RunStore(store.root, Visitor(name)) for name in ("ann", "bob"))
    store.begin(manifest("hers", user="ann")).release()
    (store.root / "hers" / "manifest.json").write_text("{}")
    assert [run.run_id for run in ann.damaged()] == ["hers"] and bob.damaged() == []
    with pytest.raises(DatasetError) as caught:
        bob.delete("hers")
    assert caught.value.code == "run_unknown"
    ann.delete("hers")
    assert bob.bin.list() == [] and [run.run_id for run in ann.bin.list()] == ["hers"]
    ann.restore("hers")
    for text in ('"ann', "5", '""', "", '["ann"]'):
        (store.root / "hers" / "user.json").write_text(text)
        assert ann.damaged() == RunStore(store.root, Visitor("")).damaged() == []
    assert [run.run_id for run in store.damaged()] == ["hers"]


def test_what_the_manifest_says_counts_as_long_as_it_can_be_read(store: RunStore) -> None:
    store.begin(manifest("hers", user="ann")).release()
    (store.root / "hers" / "user.json").write_text('"bob"')
    with pytest.raises(DatasetError):
        RunStore(store.root, Visitor("bob")).delete("hers")


def test_rows_without_a_manifest_are_a_damaged_run_and_an_empty_folder_is_none(store: RunStore) -> None:
    assert store.damaged() == []
    store.folder("bad").save(manifest("bad"))
    store.folder("bad").add_part(0, table_of([ok(0, "cat", "cat")]))
    (store.root / "bad" / "manifest.json").unlink()
    assert "missing" in store.damaged()[0].reason
    with pytest.raises(DatasetError, match=r"cannot be read \(manifest.json is missing\)") as caught:
        store.folder("bad").load()
    assert caught.value.code == "run_damaged" and "runs delete bad" in caught.value.fix


def test_a_bin_that_nobody_may_read_hides_no_run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Path.iterdir

    def refused(path: Path) -> Iterator[Path]:
        if path.name == ".bin":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    store.folder("gone").save(manifest("gone"))
    store.delete("gone")
    with pytest.raises(DatasetError, match="was deleted"):
        store.folder("gone").manifest()
    monkeypatch.setattr(Path, "iterdir", refused)
    assert [m.run_id for m in store.list()] == ["good"] and store.damaged() == []  # "bad" has no manifest
    with pytest.raises(DatasetError, match="There is no evaluation 'gone'"):
        store.folder("gone").manifest()


@pytest.mark.parametrize(("content", "why"), [(None, "is missing"), (b"", "is empty")])
def test_a_finished_run_without_its_rows_is_damaged(tmp_path: Path, content: bytes | None, why: str) -> None:
    write_run(tmp_path, "gone", ["cat", "dog"], np.eye(2), ["cat", "dog"])
    store = RunStore(tmp_path)
    folder = store.folder("gone")
    folder.rows.pack(folder.load().files)
    assert store.damaged() == [] and len(folder.load().table) == 2
    [rows] = folder.path.glob("*.parquet")
    rows.unlink() if content is None else rows.write_bytes(content)
    assert [(run.run_id, run.reason) for run in store.damaged()] == [
        ("gone", f"The evaluation gone cannot be read ({folder.manifest().dataset_name}: rows.parquet {why}).")
    ]
    with pytest.raises(DatasetError, match=rf"cannot be read \(rows.parquet {why}\)"):
        folder.load()
    store.delete("gone")
    assert store.damaged() == []


def test_whatever_bytes_are_changed_the_list_can_be_read(store: RunStore) -> None:
    chance, good = random.Random(5), json.dumps(GOOD).encode()
    for _ in range(300):
        data = bytearray(good)
        for _ in range(chance.choice([1, 1, 3])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        put(store, bytes(data[: chance.choice([len(data), len(data), chance.randrange(len(data))])]))
        assert len(store.damaged()) + len(overviews(store)) == 2


def test_the_command_line_lists_the_others_and_the_damaged_run(store: RunStore, tmp_path: Path) -> None:
    put(store, "[]")

    def runs(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "dashboard", "runs", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, env={"DASHBOARD_DATA_DIR": str(tmp_path)})

    listed = runs("list", "--json")
    records = json.loads(listed.stdout)
    assert listed.returncode == 0 and [(r["run_id"], r["state"]) for r in records] == [
        ("good", "interrupted"), ("bad", "damaged")
    ]  # fmt: skip
    assert {name: type(value) for name, value in records[1].items()}.keys() == records[0].keys()
    assert b"The evaluation bad cannot be read" in listed.stderr and b"runs delete bad" in listed.stderr
    assert runs("delete", "bad", "--yes").returncode == 0
    deleted = json.loads(runs("list", "--deleted", "--json").stdout)
    assert [(r["run_id"], r["days_left"], r["dataset"]) for r in deleted] == [("bad", 7, None)]
    assert runs("restore", "bad").returncode == 0 and (store.root / "bad").is_dir()
    assert b"There is no deleted evaluation" in runs("restore", "bad").stderr
    assert runs("delete", "bad", "--yes").returncode == 0
    assert json.loads(runs("empty-bin", "--yes", "--json").stdout)["deleted"] == ["bad"] and store.bin.list() == []


@pytest.mark.parametrize("content", [b"PAR1", b"", b"no Parquet at all"])
def test_without_damaged_further_columns_the_rest_can_be_used(store: RunStore, content: bytes) -> None:
    folder = store.folder("good")
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    (folder.path / "attributes.parquet").write_bytes(content)
    run = folder.load()
    assert [*run.file_faults] == ["attributes.parquet"] and run.further_detail(np.array([0])) == [{}]
    assert len(folder.load(("index",), parse_filter(["confidence>0.1"])).table) == 1
    with pytest.raises(DatasetError, match="the further columns of its dataset are missing") as caught:
        folder.load(("index",), parse_filter(["weather=rain"]))
    assert caught.value.code == "run_file_damaged" and f"Remove {folder.path}" in caught.value.fix
