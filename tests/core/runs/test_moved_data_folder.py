from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.errors import DatasetError
from dashboard.core.runs.images import run_image
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture
from tests.core.runs.test_images import stored_run


def put(data_dir: Path, dataset: Path, place: str) -> Path:
    target = data_dir / place / dataset.name
    target.parent.mkdir(parents=True)
    return dataset.rename(target)


def moved(data_dir: Path) -> Run:
    return RunStore(data_dir.rename(data_dir.with_name("moved")) / "runs").folder("r1").load()


@pytest.mark.parametrize("place", ["uploads/0123456789abcdef", "datasets", "datasets/more", "downloads"])
def test_the_images_are_found_after_the_data_folder_was_moved(tmp_path: Path, make_zip: MakeZip, place: str) -> None:
    dataset = put(tmp_path / "data", make_zip({"cat": 1, "dog": 2}), place)
    stored_run(tmp_path / "data", dataset)
    run = moved(tmp_path / "data")
    assert run.manifest.dataset == str(tmp_path / "moved" / place / "images.zip")
    assert run_image(run, 2).data == encoded(picture(2))


def test_the_files_that_a_description_names_are_found_after_the_data_folder_was_moved(
    tmp_path: Path, make_zip: MakeZip
) -> None:
    data = tmp_path / "data"
    images = put(data, make_zip({"": 2}), "uploads/0123456789abcdef")
    labels = data / "uploads" / "fedcba9876543210" / "truth.csv"
    labels.parent.mkdir()
    labels.write_text("file,label\n0.png,cat\n1.png,dog\n")
    stored_run(data, describe(images, Choices(labels=str(labels)), data / "described"))
    assert run_image(moved(data), 1).true_label == "dog"


def test_images_by_a_pattern_are_found_after_the_data_folder_was_moved(tmp_path: Path) -> None:
    cat = tmp_path / "data" / "datasets" / "photos" / "cat"
    cat.mkdir(parents=True)
    (cat / "0.png").write_bytes(encoded(picture(0)))
    stored_run(tmp_path / "data", cat.parent / "**" / "*.png")
    assert run_image(moved(tmp_path / "data"), 0).data == encoded(picture(0))


def test_the_tables_of_imported_predictions_are_found_after_the_data_folder_was_moved(tmp_path: Path) -> None:
    data = tmp_path / "data"
    names = ("probs.npy", "labels.npy")
    for name in names:
        (data / "uploads" / name).mkdir(parents=True)
    probs, labels = (str(data / "uploads" / name) for name in names)
    manifest = RunManifest(
        "r1", "2026-01-01T00:00:00", probs, "", "other", "", ("cat", "dog"), 0, imported=True, labels=labels
    )
    RunStore(data / "runs").folder("r1").save(manifest)
    found = moved(data).manifest
    assert [found.dataset, found.labels] == [str(tmp_path / "moved" / "uploads" / name) for name in names]


def test_a_dataset_that_is_still_where_it_was_is_not_taken_for_another(tmp_path: Path, make_zip: MakeZip) -> None:
    elsewhere = put(tmp_path, make_zip({"cat": 1}), "mine/datasets")
    run = stored_run(tmp_path / "data", elsewhere)
    put(tmp_path / "data", make_zip({"cat": 1, "dog": 1}), "datasets")
    assert (
        RunStore(tmp_path / "data" / "runs").folder("r1").manifest().dataset == run.manifest.dataset == str(elsewhere)
    )


def test_the_error_for_a_dataset_that_is_gone_shows_no_path_of_the_server(tmp_path: Path, make_zip: MakeZip) -> None:
    dataset = make_zip({"cat": 1})
    run = stored_run(tmp_path / "data", dataset)
    dataset.unlink()
    with pytest.raises(DatasetError, match=r"^The dataset images\.zip does not exist any more\.") as error:
        run_image(run, 0)
    assert error.value.code == "not_found" and str(tmp_path) not in str(error.value)
