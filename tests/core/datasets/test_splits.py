"""Datasets whose images lie in train, val and test: one split is used, and the user hears which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import Dataset, label_counts, open_dataset
from dashboard.core.datasets.choices import ALL_SPLITS, NO_SPLITS, Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.split_names import split_called
from dashboard.core.datasets.splits import Folders, find_splits
from dashboard.core.errors import DatasetError
from dashboard.core.questions import UndecidedError
from tests.conftest import MakeZip, encoded, picture


def folder_of(root: Path, names: list[str]) -> Path:
    """A folder with an image at each of these paths."""
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(picture(i)))
    return root


def names(dataset: Dataset) -> list[str]:
    return [sample.name for sample in dataset.samples]


@pytest.mark.parametrize(
    "folder, split",
    [
        ("test", "test"), ("Test", "test"), ("test_set", "test"), ("testing", "test"), ("TRAIN", "train"),
        ("training_images", "train"), ("valid", "val"), ("validation", "val"), ("2017_val", "val"), ("dev", "val"),
        ("trainval", "train"), ("train+val", "train"), ("trainset", "train"), ("TestData", "test"), ("devset", "val"),
        ("tr", "train"), ("TE", "test"), ("va", "val"), ("trn", "train"), ("tst_images", "test"), ("vld", "val"),
        ("tr_images", None), ("tea", None), ("TrainingImages", "train"), ("Trainingsdaten", "train"), ("entraînement", "train"), ("labeled_train", None),
        ("trainstation", None), ("testosterone", None), ("trainsport", None), ("iTunes", None),
        ("latest", None), ("trains", None), ("train station", None), ("train_test", None), ("cat", None),
    ],
)  # fmt: skip
def test_what_a_folder_is_called(folder: str, split: str | None) -> None:
    assert split_called(folder) == split


@pytest.mark.parametrize("prefix", ["", "data/", "my data/v2/"])
@pytest.mark.parametrize(
    "called", [("train", "valid", "test"), ("Train", "VAL", "Test"), ("train_set", "dev", "test_set")]
)
def test_the_test_split_is_used_and_said(tmp_path: Path, prefix: str, called: tuple[str, str, str]) -> None:
    train, val, test = called
    paths = [f"{train}/cat/0.png", f"{train}/dog/1.png", f"{val}/cat/2.png", f"{test}/dog/3.png"]
    dataset = open_dataset(folder_of(tmp_path, [prefix + path for path in paths]))
    assert names(dataset) == [f"{prefix}{test}/dog/3.png"] and label_counts(dataset.samples) == {"dog": 1}
    assert np.array_equal(dataset.image(0), picture(3))
    assert "Only the split test is used" in dataset.notes[0]
    assert f"val: 1 image in {val}; train: 2 images in {train}" in dataset.notes[0]
    [question] = dataset.questions
    assert question.chosen == "test" and [a.value for a in question.answers] == ["test", "val", "train", "all", "none"]


def test_every_split_can_be_chosen_also_by_other_processes(tmp_path: Path, make_zip: MakeZip) -> None:
    extra = {f"{split}/{label}/{i}.png": encoded(picture(i)) for i, (split, label) in enumerate(
        [("train", "cat"), ("train", "dog"), ("val", "cat"), ("test", "dog")]
    )}  # fmt: skip
    path = make_zip({}, extra=extra)
    seen = {}
    for split in ("train", "val", "validation", "test", ALL_SPLITS):
        dataset = open_dataset(describe(path, Choices(split=split), tmp_path / "described"))
        assert [dataset.image(i).tolist() for i in range(len(dataset.samples))] == [
            picture(int(name[-5])).tolist() for name in names(dataset)
        ]
        seen[split] = (names(dataset), dataset.fingerprint)
    assert seen["val"] == seen["validation"] and seen["test"][1] == open_dataset(path).fingerprint
    assert len(seen["train"][0]) == 2 and len(seen["all"][0]) == 4 and len({digest for _, digest in seen.values()}) == 4
    with pytest.raises(DatasetError, match="has no split 'fold'") as refused:
        open_dataset(path, Choices(split="fold"))
    assert "--split test" in refused.value.fix


def test_without_a_test_split_the_user_is_asked(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["train/cat/0.png", "val/cat/1.png"])
    with pytest.raises(UndecidedError, match=r"val: 1 image in val; train: 1 image in train") as asked:
        open_dataset(path)
    assert asked.value.question.chosen is None and "--split val " in asked.value.fix
    assert names(open_dataset(path, Choices(split="val"))) == ["val/cat/1.png"]


def test_folders_called_like_one_another_are_splits(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["seg_train/seg_train/sea/0.png", "seg_test/seg_test/sea/1.png", "seg_pred/2.png"])
    dataset = open_dataset(path)
    assert names(dataset) == ["seg_test/seg_test/sea/1.png"] and dataset.samples[0].label == "sea"
    assert "1 image lies in no split, so not used: seg_pred/2.png." in dataset.notes[1]


@pytest.mark.parametrize(
    "train, test",
    [
        ("trainval", "test"), ("train_val", "test"), ("train+val", "test"), ("labeled_train", "test"),
        ("trainset", "testset"), ("TrainData", "TestData"), ("Trainingsdaten", "Testdaten"), ("entrainement", "test"),
        ("training-original", "test"),
    ],
)  # fmt: skip
def test_splits_of_less_usual_names_are_not_pooled(tmp_path: Path, train: str, test: str) -> None:
    path = folder_of(tmp_path, [f"{train}/cat/0.png", f"{train}/dog/1.png", f"{test}/cat/2.png"])
    dataset = open_dataset(path)
    assert [(s.name, s.label) for s in dataset.samples] == [(f"{test}/cat/2.png", "cat")]
    assert f"train: 2 images in {train}" in dataset.notes[0]
    assert len(open_dataset(path, Choices(split="train")).samples) == 2


@pytest.mark.parametrize(
    "folders",
    [
        ("labeled_train", "test", "extra"), ("bullet train", "test tube", "car"), ("old_train", "new_test"),
        ("tr", "te", "de"),
    ],
)  # fmt: skip
def test_folders_that_may_be_splits_or_classes_are_asked_about(tmp_path: Path, folders: tuple[str, ...]) -> None:
    path = folder_of(tmp_path, [f"{folder}/{view}/{view}.png" for folder in folders for view in ("cat", "dog")])
    with pytest.raises(UndecidedError, match="holds more than one split") as asked:
        open_dataset(path)
    assert asked.value.question.answers[-1].value == NO_SPLITS
    assert len(open_dataset(path, Choices(split=NO_SPLITS)).samples) == 2 * len(folders)
    assert len(open_dataset(path, Choices(split="test")).samples) == 2


@pytest.mark.parametrize("folders", [("dev", "test", "prod"), ("train", "test", "bus"), ("tr", "te")])
def test_folders_of_images_beside_such_that_are_no_splits_are_asked_about(
    tmp_path: Path, folders: tuple[str, ...]
) -> None:
    path = folder_of(tmp_path / "d", [f"{folder}/{i}.png" for i, folder in enumerate(folders)])
    with pytest.raises(
        UndecidedError, match="holds more than one split, or classes in folders that are called so"
    ) as asked:
        open_dataset(path)
    assert asked.value.question.chosen is None and "--split none" in asked.value.fix
    classes = open_dataset(path, Choices(split=NO_SPLITS))
    assert label_counts(classes.samples) == dict.fromkeys(sorted(folders), 1)
    assert len(open_dataset(path, Choices(split="test")).samples) == 1
    rows = [f"{folder}/{i}.png,{'cat' if folder in ('test', 'te') else 'dog'}\n" for i, folder in enumerate(folders)]
    (path / "labels.csv").write_text("file,label\n" + "".join(rows))
    assert label_counts(open_dataset(path).samples) == {"cat": 1}, "a table labels them, so the folders are splits"


@pytest.mark.parametrize(
    "folders",
    [
        ("test", "fold1", "fold2"), ("test", "site_a", "site_b"), ("Testing Set", "Set A", "Set B"), ("test", "raw", "processed"),
        ("test", "old_test", "site_a"),
    ],
)  # fmt: skip
def test_a_test_split_beside_folders_with_the_same_classes_is_not_pooled_with_them(
    tmp_path: Path, folders: tuple[str, ...]
) -> None:
    paths = [f"{folder}/{label}/{folder}.png" for folder in folders for label in ("cat", "dog")]
    path = folder_of(tmp_path, [*paths, "figures/setup/0.png"])
    with pytest.raises(UndecidedError, match="holds more than one split, or classes") as asked:
        open_dataset(path)
    values = [answer.value for answer in asked.value.question.answers]
    assert asked.value.question.chosen is None and values == ["test", *sorted(folders[1:]), ALL_SPLITS, NO_SPLITS]
    for value, folder in zip(("test", *folders[1:]), folders, strict=True):
        assert names(open_dataset(path, Choices(split=value))) == [
            f"{folder}/cat/{folder}.png",
            f"{folder}/dog/{folder}.png",
        ]
    assert len(open_dataset(path, Choices(split=ALL_SPLITS)).samples) == len(paths)


def test_a_folder_beside_a_split_may_be_called_like_an_answer(tmp_path: Path) -> None:
    path = folder_of(tmp_path, [f"{folder}/{label}/0.png" for folder in ("all", "test") for label in ("cat", "dog")])
    assert {name.partition("/")[0] for name in names(open_dataset(path, Choices(split="folder all")))} == {"all"}
    assert len(open_dataset(path, Choices(split=ALL_SPLITS)).samples) == 4


def test_many_folders_beside_a_test_split_are_one_split(tmp_path: Path) -> None:
    folders = ["test", *(f"patient{i:02}" for i in range(13))]
    path = folder_of(tmp_path, [f"{folder}/{label}/0.png" for folder in folders for label in ("cat", "dog")])
    with pytest.raises(UndecidedError, match="others: 26 images in patient00, patient01, patient02 and 10 more"):
        open_dataset(path)
    assert len(open_dataset(path, Choices(split="others")).samples) == 26


def test_a_class_called_test_with_its_images_in_a_folder_of_its_own_is_no_split(tmp_path: Path) -> None:
    path = folder_of(tmp_path, [f"{label}/images/0.png" for label in ("cat", "dog", "test")])
    assert label_counts(open_dataset(path).samples) == {"cat": 1, "dog": 1, "test": 1}


def test_names_of_the_same_split_are_not_pooled(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["dev/cat/0.png", "dev/dog/1.png", "eval/cat/2.png", "train/cat/3.png"])
    with pytest.raises(UndecidedError, match="dev: 2 images in dev; eval: 1 image in eval"):
        open_dataset(path)
    assert names(open_dataset(path, Choices(split="eval"))) == ["eval/cat/2.png"]
    assert len(open_dataset(path, Choices(split="dev")).samples) == 2
    with pytest.raises(DatasetError, match="has no split 'val'"):
        open_dataset(path, Choices(split="val"))
    folder_of(tmp_path, ["test/dog/4.png", "holdout/dog/5.png"])
    dataset = open_dataset(path)
    assert names(dataset) == ["test/dog/4.png"] and "holdout: 1 image in holdout" in dataset.notes[0]


def test_spellings_of_a_split_are_pooled(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["cat/train/0.png", "cat/val/1.png", "dog/train/2.png", "dog/valid/3.png"])
    assert names(open_dataset(path, Choices(split="val"))) == ["cat/val/1.png", "dog/valid/3.png"]


def test_a_folder_of_train_and_val_does_not_hide_these(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["train_val/train/cat/0.png", "train_val/val/cat/1.png", "test/cat/2.png"])
    assert names(open_dataset(path, Choices(split="val"))) == ["train_val/val/cat/1.png"]


def test_splits_inside_of_classes(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["cat/train/0.png", "cat/test/1.png", "dog/train/2.png", "dog/test/3.png"])
    assert [(s.name, s.label) for s in open_dataset(path).samples] == [
        ("cat/test/1.png", "cat"),
        ("dog/test/3.png", "dog"),
    ]


@pytest.mark.parametrize(
    "paths",
    [
        ["train/0.png", "bus/1.png"], ["test/cat/0.png", "test/dog/1.png"], ["latest/0.png", "trained/1.png"],
        ["freight_train/front/0.png", "crash_test/dummy/1.png", "bus/front/2.png"],
    ],
    ids=["a class called train", "one split only", "other words", "classes with different folders"],
)  # fmt: skip
def test_what_is_no_split(paths: list[str]) -> None:
    assert find_splits(Folders.of(paths), np.ones(len(paths), bool)) is None


def test_a_split_that_is_not_there_is_no_choice(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["train/0.png", "bus/1.png"])
    assert label_counts(open_dataset(path, Choices(split=NO_SPLITS)).samples) == {"bus": 1, "train": 1}
    with pytest.raises(DatasetError, match="has no splits, so 'test' cannot be chosen"):
        open_dataset(path, Choices(split="test"))


def test_folders_called_like_splits_can_be_classes(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["train/0.png", "test/1.png"])
    assert label_counts(open_dataset(path).samples) == {}
    assert label_counts(open_dataset(path, Choices(split=NO_SPLITS)).samples) == {"test": 1, "train": 1}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_every_split_has_a_table_of_its_own(tmp_path: Path, kind: str) -> None:
    """The layout of Hugging Face. The splits use the same file names."""
    folder_of(tmp_path, ["train/0.png", "train/1.png", "test/0.png"])
    lines = {"train": [("0.png", "cat"), ("1.png", "dog")], "test": [("0.png", "frog")]}
    for split, rows in lines.items():
        text = {
            "csv": "file_name,label\n" + "".join(f"{file},{label}\n" for file, label in rows),
            "jsonl": "".join(f'{{"file_name": "{file}", "label": "{label}"}}\n' for file, label in rows),
        }[kind]
        (tmp_path / split / f"metadata.{kind}").write_text(text)
    assert label_counts(open_dataset(tmp_path).samples) == {"frog": 1}
    assert label_counts(open_dataset(tmp_path, Choices(split="train")).samples) == {"cat": 1, "dog": 1}
    pooled = open_dataset(tmp_path, Choices(split=ALL_SPLITS))
    assert [(s.name, s.label) for s in pooled.samples] == [
        ("test/0.png", "frog"), ("train/0.png", "cat"), ("train/1.png", "dog"),
    ]  # fmt: skip
    assert np.array_equal(pooled.image(2), picture(1)) and np.array_equal(pooled.image(0), picture(2))


def test_labels_from_elsewhere_decide_which_split_has_labels(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "photos", ["train/0.png", "train/1.png", "test/2.png"])
    (tmp_path / "truth.csv").write_text("file,label\n0.png,cat\n1.png,dog\n")
    dataset = open_dataset(describe(path, Choices(labels=str(tmp_path / "truth.csv")), tmp_path / "described"))
    assert [(s.name, s.label) for s in dataset.samples] == [("train/0.png", "cat"), ("train/1.png", "dog")]
    assert "since no other has labels" in dataset.notes[0]


@pytest.mark.parametrize(
    "name, split, count",
    [("splits", "", 7), ("splits", "val", 6), ("splits", "all", 33), ("hf", "", 8), ("hf", "train", 20)],
)
def test_datasets_from_the_field(shared_dir: Path, name: str, split: str, count: int) -> None:
    path = shared_dir / "cases" / "data" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    dataset = open_dataset(path, Choices(split=split))
    assert len(dataset.samples) == count and len(dataset.samples.unlabelled) == 0


def test_without_labels_the_note_tells_how_the_folders_are_classes(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["val/0.png", "test/1.png"])
    assert "since none has labels" in (note := open_dataset(path).notes[0])
    assert note.endswith("If these are classes, choose the split none.")
    assert label_counts(open_dataset(path, Choices(split=NO_SPLITS)).samples) == {"val": 1, "test": 1}
    assert "none" not in open_dataset(folder_of(tmp_path / "b", ["val/cat/0.png", "test/cat/1.png"])).notes[0]


def test_folders_with_a_split_and_a_class_in_their_names_are_asked_about(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["train_cat/0.png", "train_dog/1.png", "test_cat/2.png", "test_dog/3.png"])
    with pytest.raises(UndecidedError, match="more than one split, or classes in folders that are called so"):
        open_dataset(path)
    assert len(label_counts(open_dataset(path, Choices(split=NO_SPLITS)).samples)) == 4


def test_the_question_tells_which_images_lie_in_no_split(tmp_path: Path) -> None:
    path = folder_of(tmp_path, ["dev/0.png", "test/1.png", "prod/2.png"])
    with pytest.raises(UndecidedError, match=r"1 image lies in no split, so not used: prod/2\.png\."):
        open_dataset(path)


@pytest.mark.parametrize(
    "one, other, splits",
    [
        ("rps", "rps-test-set", ["test", "rps"]), ("train", "unseen", ["train", "unseen"]), ("trains", "tests", ["test", "train"]),
        ("training", "validate", ["val", "train"]), ("eval_set", "tr_set", ["val", "train"]),
    ],
)  # fmt: skip
def test_train_and_test_are_not_pooled_unasked(tmp_path: Path, one: str, other: str, splits: list[str]) -> None:
    path = folder_of(
        tmp_path, [f"{folder}/{label}/{i}.png" for folder in (one, other) for label in ("cat", "dog") for i in "01"]
    )
    with pytest.raises(UndecidedError, match="holds more than one split") as asked:
        open_dataset(path)
    assert [answer.value for answer in asked.value.question.answers] == [*splits, ALL_SPLITS, NO_SPLITS]
    for split in splits:
        assert label_counts(open_dataset(path, Choices(split=split)).samples) == {"cat": 2, "dog": 2}


@pytest.mark.parametrize(
    "paths",
    [
        ["rps/cat/0.png", "rps-test-set/dog/1.png"], ["trains/0.png", "tests/1.png"], ["car/left/0.png", "toy_train/left/1.png"],
    ],
    ids=["other classes", "flat", "another name"],
)  # fmt: skip
def test_what_one_folder_called_like_a_split_does_not_tell(tmp_path: Path, paths: list[str]) -> None:
    assert len(open_dataset(folder_of(tmp_path, paths)).samples) == len(paths)


@pytest.mark.parametrize(
    "lists, told",
    [
        (["meta/train.json", "meta/test.txt"], True),
        (["train_test_split.txt"], True),
        (["testimonials.txt", "readme.txt"], False),
        (["captions_val2017.json"], False),
    ],
)
def test_lists_of_splits_are_not_read_but_told(tmp_path: Path, lists: list[str], told: bool) -> None:
    path = folder_of(tmp_path, ["cat/0.png", "dog/1.png"])
    for name in lists:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("cat/0\n")
    dataset = open_dataset(path)
    notes = [note for note in dataset.notes if "may list the images for training or testing" in note]
    assert len(dataset.samples) == 2 and len(notes) == told and all(name in note for note in notes for name in lists)
    (path / "dog").rename(path / "test")
    assert not any(
        "may list the images" in note
        for note in open_dataset(folder_of(path, ["train/cat/0.png", "test/cat/1.png"])).notes
    )
