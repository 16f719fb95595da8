"""Folders with the same classes that are copies of each other, so that pooling them would count each image twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dashboard.core.datasets import label_counts, open_dataset
from dashboard.core.datasets.choices import ALL_SPLITS, NO_SPLITS, Choices
from dashboard.core.questions import UndecidedError
from tests.conftest import MakeZip, encoded, picture
from tests.core.datasets.test_splits import folder_of, names

IMAGES = ("cat/0.png", "cat/1.png", "dog/2.png")


@pytest.mark.parametrize(
    "one, other",
    [("raw", "processed"), ("data/Raw_images", "data/resized"), ("photos", "photos_cropped"), ("color", "grayscale")],
)
def test_copies_are_asked_about(tmp_path: Path, one: str, other: str) -> None:
    path = folder_of(tmp_path, [f"{folder}/{image}" for folder in (one, other) for image in IMAGES])
    called, also = (folder.rpartition("/")[2] for folder in (one, other))
    with pytest.raises(UndecidedError, match="holds more than one copy, or different images in folders") as asked:
        open_dataset(path)
    assert f"{called}: 3 images in {called}" in asked.value.message
    assert {answer.value for answer in asked.value.question.answers} == {called, also, ALL_SPLITS, NO_SPLITS}
    chosen = open_dataset(path, Choices(split=called))
    assert names(chosen) == [f"{one}/{image}" for image in IMAGES]
    assert label_counts(chosen.samples) == {"cat": 2, "dog": 1}
    assert chosen.notes[0].startswith(f"Only the copy {called} is used, as chosen")
    for split in (ALL_SPLITS, NO_SPLITS):
        assert label_counts(open_dataset(path, Choices(split=split)).samples) == {"cat": 4, "dog": 2}


def test_copies_in_each_of_several_folders(tmp_path: Path) -> None:
    path = folder_of(
        tmp_path, [f"{day}/{copy}/{image}" for day in "ab" for copy in ("raw", "processed") for image in IMAGES]
    )
    assert names(open_dataset(path, Choices(split="raw"))) == [f"{day}/raw/{image}" for day in "ab" for image in IMAGES]


@pytest.mark.parametrize(
    "paths",
    [
        [f"{camera}/{image}" for camera in ("camera 1", "camera 2") for image in IMAGES],
        ["raw/cat/0.png", "raw/dog/1.png", "webcam/cat/2.png", "webcam/dog/3.png"],
        [f"{site}/{image}" for site in ("original", "site_b") for image in IMAGES],
        [f"{person}/cat/from_{i}.png" for person in ("original", "Bob", "Eve") for i in range(3)],
        [f"{split}/raw/{i}.png" for split in ("day1", "day2") for i in range(2)],
        ["raw/0.png", "processed/0.png"], ["raw fish/a/0.png", "fried fish/a/0.png"], ["raw/cat/0.png", "other/dog/0.png"],
    ],
    ids=["cameras", "other images", "sites with numbered images", "people", "one folder a day", "classes", "classes of several words", "other classes"],
)  # fmt: skip
def test_what_are_no_copies(tmp_path: Path, paths: list[str]) -> None:
    assert len(open_dataset(folder_of(tmp_path, paths)).samples) == len(paths)


def test_equal_images_or_names_tell_a_copy_whose_name_says_nothing(tmp_path: Path) -> None:
    equal = folder_of(tmp_path / "equal", [f"original/{image}" for image in IMAGES])
    shutil.copytree(equal / "original", equal / "mine")
    named = folder_of(
        tmp_path / "named", [f"{copy}/cat/IMG_{i}.png" for copy in ("original", "mine") for i in (831, 840)]
    )
    for path in (equal, named):
        with pytest.raises(UndecidedError, match="holds more than one copy"):
            open_dataset(path)


def test_splits_are_no_copies_of_each_other(tmp_path: Path) -> None:
    paths = [f"{folder}/{image}" for folder in ("raw", "train", "test") for image in IMAGES]
    dataset = open_dataset(folder_of(tmp_path, paths))
    assert names(dataset) == [f"test/{image}" for image in IMAGES]
    assert not any("copies" in note for note in dataset.notes)


@pytest.mark.parametrize("order", ["{copy}/{split}", "{split}/{copy}"])
def test_copies_with_splits_are_asked_about(tmp_path: Path, make_zip: MakeZip, order: str) -> None:
    paths = [
        f"{order.format(copy=copy, split=split)}/{image}"
        for copy in ("raw", "processed") for split in ("train", "test") for image in IMAGES
    ]  # fmt: skip
    packed = make_zip({}, extra={path: encoded(picture(i)) for i, path in enumerate(paths)})
    for dataset in (folder_of(tmp_path / "folder", paths), packed):
        with pytest.raises(UndecidedError, match="holds more than one split or copy"):
            open_dataset(dataset)
        wanted = order.format(copy="raw", split="test")
        chosen = open_dataset(dataset, Choices(split=wanted))
        assert names(chosen) == [f"{wanted}/{image}" for image in IMAGES]
        assert label_counts(chosen.samples) == {"cat": 2, "dog": 1}


def test_a_split_without_copies_is_used(tmp_path: Path) -> None:
    paths = [f"{folder}/{image}" for folder in ("train/raw", "train/augmented", "test") for image in IMAGES]
    assert names(open_dataset(folder_of(tmp_path, paths))) == [f"test/{image}" for image in IMAGES]


def test_copies_within_each_class(tmp_path: Path) -> None:
    paths = [f"{label}/{copy}/{i}.png" for label in ("cat", "dog") for copy in ("raw", "processed") for i in range(2)]
    path = folder_of(tmp_path, paths)
    with pytest.raises(UndecidedError, match="holds more than one copy"):
        open_dataset(path)
    assert label_counts(open_dataset(path, Choices(split="raw")).samples) == {"cat": 2, "dog": 2}


@pytest.mark.parametrize("one, other", [("raw", "processed"), ("images", "images_resized")])
@pytest.mark.parametrize("table", ["labels.csv", "train.csv"])
def test_a_table_whose_names_fit_images_of_each_copy(tmp_path: Path, one: str, other: str, table: str) -> None:
    path = folder_of(tmp_path / "d", [f"{folder}/{image}.png" for folder in (one, other) for image in ("a", "b", "c")])
    (path / table).write_text("file,label\na.png,cat\nb.png,dog\nc.png,cat\n")
    with pytest.raises(UndecidedError, match=f"holds more than one copy.*{one}: 3 images in {one}"):
        open_dataset(path)
    chosen = open_dataset(path, Choices(split=one))
    assert names(chosen) == [f"{one}/{image}.png" for image in ("a", "b", "c")]
    assert [sample.label for sample in chosen.samples] == ["cat", "dog", "cat"]
    assert label_counts(open_dataset(path, Choices(split=ALL_SPLITS)).samples) == {"cat": 4, "dog": 2}
    elsewhere = tmp_path / table
    (path / table).rename(elsewhere)
    with pytest.raises(UndecidedError, match="holds more than one copy"):
        open_dataset(path, Choices(labels=str(elsewhere)))


def test_classes_called_like_copies_are_none(tmp_path: Path) -> None:
    path = folder_of(tmp_path, [f"{state}/{i}.png" for state in ("raw", "cooked", "processed") for i in range(3)])
    assert label_counts(open_dataset(path).samples) == {"raw": 3, "cooked": 3, "processed": 3}


@pytest.mark.parametrize(
    "one, other", [("pets", "pets - Copy"), ("pets", "Copy of pets"), ("pets", "pets (1)"), ("v1", "v2"), ("a/pets", "a/backup")]
)  # fmt: skip
def test_the_same_files_twice_are_asked_about_whatever_their_folders_are_called(
    tmp_path: Path, one: str, other: str
) -> None:
    path = folder_of(tmp_path, [f"{one}/{image}" for image in IMAGES])
    shutil.copytree(path / one, path / other)
    with pytest.raises(UndecidedError, match="holds more than one copy, or different images"):
        open_dataset(path)
    assert label_counts(open_dataset(path, Choices(split=one.rpartition("/")[2])).samples) == {"cat": 2, "dog": 1}
    for image in IMAGES:  # other images of the same names are none
        (path / other / image).write_bytes(encoded(picture(99)))
    assert label_counts(open_dataset(path).samples) == {"cat": 4, "dog": 2}
