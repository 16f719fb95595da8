from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError
from dashboard.core.images.decoding import decode_image
from dashboard.core.images.model_input import read_model_input
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.images.thumbnails import make_thumbnail, thumbnail_shape
from dashboard.core.models.registry import Registry
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.images import run_image
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate
from tests.run_rows import Row, table_of


def stored_run(root: Path, dataset: Path) -> Run:
    """A run with a row per sample, each predicted cat."""
    store = RunStore(root / "runs")
    samples = open_dataset(dataset).samples
    store.folder("r1").save(
        RunManifest("r1", "2026-01-01T00:00:00", str(dataset), "", "tiny@1", "", ("cat", "dog"), len(samples))
    )
    store.folder("r1").add_part(
        0, table_of([Row(s.index, s.name, s.label, "cat", 0.9, [0.9, 0.1], [1, 0], "ok", "") for s in samples])
    )
    return store.folder("r1").load()


def test_it_is_the_very_file_with_its_label_and_prediction(tmp_path: Path, make_zip: MakeZip) -> None:
    image = run_image(stored_run(tmp_path, make_zip({"cat": 1, "dog": 2})), 2)
    assert (image.name, image.file, image.true_label, image.predicted_label) == ("1.png", "dog/1.png", "dog", "cat")
    assert image.data == encoded(picture(2))


@pytest.mark.parametrize("index", [-1, 3, 10**9])
def test_a_number_that_the_run_does_not_have_is_refused(tmp_path: Path, make_zip: MakeZip, index: int) -> None:
    with pytest.raises(DatasetError, match="no image number"):
        run_image(stored_run(tmp_path, make_zip({"cat": 1, "dog": 2})), index)


def test_another_image_in_its_place_is_refused(tmp_path: Path, make_zip: MakeZip) -> None:
    run = stored_run(tmp_path, make_zip({"cat": 1, "dog": 2}))
    make_zip({"cat": 5, "dog": 2})
    with pytest.raises(DatasetError, match="was changed since"):
        run_image(run, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset of a photo that is larger than the model's input, a drawing, and a file that is no image."""
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    for name, data in {
        "photo.jpg": encoded(picture(0, 300, 200), "JPEG"),
        "drawing.png": encoded(picture(1)),
        "broken.png": b"no image",
    }.items():
        (tmp_path / "pets" / "cat" / name).write_bytes(data)
    return tmp_path / "pets"


@pytest.fixture
def evaluated(folder: Path, tiny_registry: Registry, pool: WorkerPool, tmp_path: Path) -> RunFolder:
    store = RunStore(tmp_path / "runs")
    return store.folder(evaluate(folder, tiny_registry.get("tiny"), pool, store).run_id)


def index_of(run: Run, file: str) -> int:
    return int(run.table["index"][run.table["file"] == file].iloc[0])


def test_images_that_nobody_changed_are_given_as_they_are(evaluated: RunFolder, folder: Path) -> None:
    run = evaluated.load()
    assert evaluated.beside.thumbnails() is not None and len(run.failed) == 1
    for file in ("cat/photo.jpg", "cat/drawing.png", "cat/broken.png"):
        assert run_image(run, index_of(run, file)).data == (folder / file).read_bytes()


def test_a_picture_that_was_replaced_under_its_name_is_refused(evaluated: RunFolder, folder: Path) -> None:
    run = evaluated.load()
    (folder / "cat" / "photo.jpg").write_bytes(encoded(picture(7, 300, 200), "JPEG"))
    with pytest.raises(
        DatasetError, match=r"pets was changed since it was evaluated: cat/photo\.jpg is another picture"
    ):
        run_image(run, index_of(run, "cat/photo.jpg"))
    assert run_image(run, index_of(run, "cat/drawing.png")).predicted_label


def test_the_same_picture_in_a_slightly_other_file_is_no_other_picture(evaluated: RunFolder, folder: Path) -> None:
    run, data = evaluated.load(), encoded(picture(0, 300, 200), "JPEG", quality=85)
    (folder / "cat" / "photo.jpg").write_bytes(data)
    assert run_image(run, index_of(run, "cat/photo.jpg")).data == data


def test_thumbnails_are_compared_in_the_way_in_which_they_were_made(tmp_path: Path) -> None:
    """Two of four columns are white. Reduced in one step, such a picture is another than when it is reduced in two."""
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    recipe = Preprocessing(512, 512, "pad")
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    file = tmp_path / "pets" / "cat" / "0.png"
    file.write_bytes(encoded(stripes))
    stored_run(tmp_path, tmp_path / "pets")
    folder = RunStore(tmp_path / "runs").folder("r1")
    folder.save(replace(folder.manifest(), fit="pad", input_size=(512, 512)))
    thumbnails = folder.beside.keep_thumbnails(1, thumbnail_shape(recipe))
    assert thumbnails
    thumbnails.write(np.array([0]), make_thumbnail(read_model_input(file.read_bytes(), recipe), recipe)[None])
    assert run_image(folder.load(), 0).data == file.read_bytes()
    file.write_bytes(encoded(picture(0, 100, 100)))
    with pytest.raises(DatasetError, match="another picture now"):
        run_image(folder.load(), 0)


def test_a_thumbnail_is_compared_in_the_resampling_of_the_run(tmp_path: Path) -> None:
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 255  # antialiased: gray
    recipe = Preprocessing(10, 10, resample="nearest")
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    file = tmp_path / "pets" / "cat" / "0.png"
    file.write_bytes(encoded(stripes))
    stored_run(tmp_path, tmp_path / "pets")
    folder = RunStore(tmp_path / "runs").folder("r1")
    folder.save(replace(folder.manifest(), fit="stretch", input_size=(10, 10), resample="nearest"))
    thumbnails = folder.beside.keep_thumbnails(1, thumbnail_shape(recipe))
    assert thumbnails
    thumbnails.write(np.array([0]), make_thumbnail(read_model_input(file.read_bytes(), recipe), recipe)[None])
    assert run_image(folder.load(), 0).data == file.read_bytes()


def test_without_thumbnails_only_names_are_compared(evaluated: RunFolder, folder: Path) -> None:
    evaluated.beside.forget_thumbnails()
    (folder / "cat" / "drawing.png").write_bytes(encoded(picture(7)))
    run = evaluated.load()
    assert run_image(run, index_of(run, "cat/drawing.png")).data == encoded(picture(7))


def test_every_kind_of_dataset_gives_its_images_as_files(tmp_path: Path, make_zip: MakeZip) -> None:
    (tmp_path / "folder" / "cat").mkdir(parents=True)
    (tmp_path / "folder" / "cat" / "0.png").write_bytes(encoded(picture(0)))
    for path in (make_zip({"cat": 1}), tmp_path / "folder"):
        dataset = open_dataset(path)
        assert np.array_equal(decode_image(dataset.file(0)).pixels, dataset.image(0))
