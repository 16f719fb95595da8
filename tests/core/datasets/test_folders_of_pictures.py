"""Folders that only hold the pictures of the folder above are no classes: cat/images beside dog/images, test/unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.datasets import label_counts, open_dataset
from dashboard.core.datasets.choices import ALL_SPLITS, Choices
from tests.core.datasets.test_splits import folder_of

TRAIN = ("train/cat/0.png", "train/dog/1.png", "train/dog/2.png")


def counts(path: Path, split: str = "") -> dict[str, int]:
    return label_counts(open_dataset(path, Choices(split=split)).samples)


def test_pictures_take_the_name_of_the_folder_above(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["data/COVID/images/0.png", "data/COVID/images/1.png", "data/Normal/images/2.png"])
    assert counts(path) == {"COVID": 2, "Normal": 1}


def test_pictures_beside_classes_are_a_class(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["cat/0.png", "images/1.png"])
    assert counts(path) == {"cat": 1, "images": 1}


@pytest.mark.parametrize("test", ["test/images", "test/unknown", "asl_test/asl_test"])
def test_a_test_split_without_classes_has_no_labels(tmp_path: Path, test: str) -> None:
    train = [image.replace("train", "asl_train") if "asl" in test else image for image in TRAIN]
    path = folder_of(tmp_path, [*train, f"{test}/0.png", f"{test}/1.png"])
    dataset = open_dataset(path)
    assert "Only the split train is used, since no other has labels" in dataset.notes[0]
    assert label_counts(dataset.samples) == {"cat": 1, "dog": 2} == counts(path, ALL_SPLITS)
    assert counts(path, "test") == {}


def test_unknown_is_a_class_if_train_has_it_too(tmp_path: Path) -> None:
    path = folder_of(tmp_path, [*TRAIN, "train/unknown/3.png", "test/unknown/4.png"])
    assert counts(path) == {"unknown": 1}


def test_pictures_of_each_class_in_splits(tmp_path: Path) -> None:
    path = folder_of(
        tmp_path, [f"{s}/{c}/images/{i}.png" for s in ("train", "val") for c in ("cat", "dog") for i in "01"]
    )
    assert counts(path, "val") == {"cat": 2, "dog": 2}
