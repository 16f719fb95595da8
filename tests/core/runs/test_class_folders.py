from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError
from dashboard.core.models.registry import Registry
from dashboard.core.runs import class_folders
from dashboard.core.runs.class_folders import write_class_folders
from dashboard.core.runs.images import evaluated_file
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate
from tests.run_rows import manifest


@pytest.fixture
def run(make_zip: MakeZip, tiny_registry: Registry, pool: WorkerPool, tmp_path: Path) -> Run:
    """Pictures of folders that share file names, one without a label, and one that is no image."""
    more = [f"more/{i}.png" for i in range(12)]  # the table labels nearly all, so it counts and the folders do not
    rows = "file,label\na/1.png,cat\nb/1.png,cat\nc.png,dog\nbroken.png,dog\n" + "".join(f"{n},cat\n" for n in more)
    files = {name: encoded(picture(i)) for i, name in enumerate(("a/1.png", "b/1.png", "c.png", "d.png", *more))}
    dataset = make_zip({}, extra={"labels.csv": rows.encode(), **files, "broken.png": b"no image"})
    store = RunStore(tmp_path / "runs")
    return store.folder(evaluate(dataset, tiny_registry.get("tiny"), pool, store).run_id).load()


def exported(run: Run, indices: list[int]) -> zipfile.ZipFile:
    out = io.BytesIO()
    write_class_folders(run, indices, out)
    return zipfile.ZipFile(out)


def test_images_are_in_a_folder_of_their_label_under_a_name_of_their_own(run: Run) -> None:
    files = dict(zip(run.table["file"], run.table["index"], strict=True))
    archive = exported(run, [files[name] for name in ("a/1.png", "b/1.png", "c.png", "d.png")])
    assert sorted(archive.namelist()) == sorted(
        ["cat/1.png", f"cat/1-{files['b/1.png']}.png", "dog/c.png", "no label/d.png"]
    )
    assert archive.read("dog/c.png") == encoded(picture(2))


def test_a_zip_with_images_without_a_label_can_be_evaluated(
    run: Run, tiny_registry: Registry, pool: WorkerPool, tmp_path: Path
) -> None:
    path = tmp_path / "selection.zip"
    with path.open("wb") as out:
        write_class_folders(run, run.evaluated["index"].tolist(), out)
    again = evaluate(path, tiny_registry.get("tiny"), pool, RunStore(tmp_path / "again"))
    rows = RunStore(tmp_path / "again").folder(again.run_id).load()
    assert len(rows.evaluated) == len(run.evaluated) and len(rows.labelled) == len(run.labelled) < len(run.evaluated)


def test_what_cannot_be_read_any_more_is_listed_with_the_reason(run: Run, make_zip: MakeZip) -> None:
    dataset = Path(run.manifest.dataset)
    with zipfile.ZipFile(dataset) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    del files["c.png"]
    with zipfile.ZipFile(dataset, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    archive = exported(run, run.table["index"].tolist())
    assert "dog/c.png" not in archive.namelist()
    assert "changed" in json.loads(archive.read("not_exported.json"))["c.png"]


def test_a_picture_that_was_replaced_under_its_name_is_listed_with_the_reason(run: Run) -> None:
    dataset = Path(run.manifest.dataset)
    with zipfile.ZipFile(dataset) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(dataset, "w") as archive:
        for name, data in {**files, "c.png": encoded(picture(99))}.items():
            archive.writestr(name, data)
    archive = exported(run, run.evaluated["index"].tolist())
    assert json.loads(archive.read("not_exported.json")) == {
        "c.png": "images.zip was changed since it was evaluated: c.png is another picture now."
    }
    assert "dog/c.png" not in archive.namelist() and archive.read("no label/d.png") == encoded(picture(3))


def test_a_zip_does_not_grow_beyond_its_limit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_folders, "MOST_EXPORTED_BYTES", len(encoded(picture(0))) + 10)
    read: list[object] = []
    monkeypatch.setattr(class_folders, "evaluated_file", lambda *args: read.append(args) or evaluated_file(*args))
    archive = exported(run, run.evaluated["index"].tolist()[:4])
    missing = json.loads(archive.read("not_exported.json"))
    assert len(archive.namelist()) == 2 and len(missing) == 3
    assert all("Export it separately" in reason for reason in missing.values())
    assert len(read) == 2, "what does not fit is not read"


def test_an_imported_run_has_no_images_to_export(run: Run) -> None:
    imported = Run(manifest(imported=True), run.table, run.files, None, "finished")
    with pytest.raises(DatasetError, match="imported without images"):
        exported(imported, [0])


def test_no_image_takes_the_name_of_another_one(
    make_zip: MakeZip, tiny_registry: Registry, pool: WorkerPool, tmp_path: Path
) -> None:
    """The second of two `1.png` would be called as another file is already."""
    names = ["a/1.png", "b/1-2.png", "c/1.png", "d/1-2.PNG"]
    files = {name: encoded(picture(i)) for i, name in enumerate(names)}
    rows = "file,label\n" + "".join(f"{name},cat\n" for name in names)
    store = RunStore(tmp_path / "runs")
    dataset = make_zip({}, extra={"labels.csv": rows.encode(), **files})
    run = store.folder(evaluate(dataset, tiny_registry.get("tiny"), pool, store).run_id).load()
    archive = exported(run, run.table["index"].tolist())
    assert len({name.casefold() for name in archive.namelist()}) == 4
    assert sorted(map(archive.read, archive.namelist())) == sorted(files.values())
