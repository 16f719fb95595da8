"""Folders with the same classes that are copies of each other, so that pooling them would count each image twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.datasets import label_counts, open_dataset
from dashboard.core.datasets.choices import ALL_SPLITS, NO_SPLITS, Choices
from dashboard.core.questions import UndecidedError
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
        ["raw/0.png", "processed/0.png"], ["raw fish/a/0.png", "fried fish/a/0.png"], ["raw/cat/0.png", "other/dog/0.png"],
    ],
    ids=["cameras", "other images", "classes", "classes of several words", "other classes"],
)  # fmt: skip
def test_what_are_no_copies(tmp_path: Path, paths: list[str]) -> None:
    assert len(open_dataset(folder_of(tmp_path, paths)).samples) == len(paths)


def test_copies_with_splits_in_them_are_told(tmp_path: Path) -> None:
    paths = [
        f"{copy}/{split}/{image}" for copy in ("raw", "processed") for split in ("train", "test") for image in IMAGES
    ]
    dataset = open_dataset(folder_of(tmp_path, paths))
    assert len(dataset.samples) == 6
    assert dataset.notes[1].startswith("processed and raw seem to hold copies of the same images")
