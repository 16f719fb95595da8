"""A column of splits beside images in Parquet, TFRecord and arrays: train and test are never pooled without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.questions import UndecidedError
from tests.conftest import encoded, picture
from tests.core.datasets.test_tfrecord import example, write

SPLITS = ["train", "test", "train", "valid", "test", "", "train"]
LABELS = ["a", "b", "c", "d", "e", "f", "g"]
FILES = [encoded(picture(i)) for i in range(7)]
OF_SPLIT = {"test": "be", "val": "d", "train": "acg", "all": "abcdefg", "none": "abcdefg"}


def parquet(folder: Path) -> Path:
    columns = {"image": pa.array(FILES, pa.binary()), "label": LABELS, "Split": SPLITS, "camera": list(range(7))}
    pq.write_table(pa.table(columns), folder / "x.parquet", row_group_size=3)
    return folder / "x.parquet"


def shards(folder: Path) -> Path:
    for part, rows in enumerate((slice(0, 4), slice(4, 7))):
        columns = {"image": pa.array(FILES[rows], pa.binary()), "label": LABELS[rows], "subset": SPLITS[rows]}
        pq.write_table(pa.table(columns), folder / f"part-{part}.parquet")
    return folder


def class_ids(folder: Path) -> Path:
    features = {"split": {"names": ["test", "train", "valid"], "_type": "ClassLabel"}}
    ids = [-1 if not each else ["test", "train", "valid"].index(each) for each in SPLITS]
    table = pa.table({"image": pa.array(FILES, pa.binary()), "label": LABELS, "split": ids})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), folder / "x.parquet")
    return folder / "x.parquet"


def tfrecord(folder: Path) -> Path:
    rows = zip(FILES, LABELS, SPLITS, strict=True)
    records = (example(image=data, label=label.encode(), split=split.encode()) for data, label, split in rows)
    return write(folder / "x.tfrecord", records)


@pytest.mark.parametrize("make", [parquet, shards, class_ids, tfrecord])
def test_the_column_is_asked_about_as_folders_are(tmp_path: Path, make: object) -> None:
    (tmp_path / "data").mkdir()
    path = make(tmp_path / "data")  # type: ignore[operator]
    dataset = open_dataset(path)
    assert [(each.topic, each.chosen, each.certain) for each in dataset.questions] == [("split", "test", False)]
    assert "Only the split test is used" in dataset.notes[0] and "train: 3 images in the" in dataset.notes[0]
    found = {split: open_dataset(describe(path, Choices(split=split), tmp_path)) for split in OF_SPLIT}
    for split, expected in OF_SPLIT.items():
        check(found[split], expected)
    check(dataset, OF_SPLIT["test"])
    assert len({each.fingerprint for each in found.values()}) == len(found)
    with pytest.raises(DatasetError, match="has no split 'fold'"):
        open_dataset(path, Choices(split="fold"))


def test_values_for_the_same_split_are_not_pooled(tmp_path: Path) -> None:
    splits = ["train", "dev", "Dev", "eval", "eval", "train", ""]
    columns = {"image": pa.array(FILES, pa.binary()), "label": LABELS, "split": splits}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    with pytest.raises(UndecidedError, match=r"train: 2 images .*; dev: 2 images .*; eval: 2 images"):
        open_dataset(tmp_path / "x.parquet")
    for split, expected in {"dev": "bc", "eval": "de", "train": "af"}.items():
        check(open_dataset(tmp_path / "x.parquet", Choices(split=split)), expected)


def test_files_for_the_same_split_are_not_pooled(tmp_path: Path) -> None:
    for row, name in enumerate(["train-0", "dev-0", "dev-1", "eval-0"]):
        columns = {"image": pa.array(FILES[row : row + 1], pa.binary()), "label": LABELS[row : row + 1]}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    with pytest.raises(UndecidedError, match=r"train: 1 image .*; dev: 2 images .*; eval: 1 image "):
        open_dataset(tmp_path)
    dataset = open_dataset(tmp_path, Choices(split="dev"))
    assert [sample.label for sample in dataset.samples] == ["b", "c"]


def check(dataset: Dataset, expected: str) -> None:
    assert [sample.label for sample in dataset.samples] == list(expected)
    for sample in dataset.samples:
        row = LABELS.index(str(sample.label))
        assert sample.name.endswith(f" {row}") and np.array_equal(dataset.image(sample.index), picture(row))


def test_the_rows_of_a_split_keep_their_columns_and_faults(tmp_path: Path) -> None:
    labels = pa.array([["a"], ["b"], ["c", "d"], ["e"]])
    columns = {
        "image": pa.array(FILES[:4], pa.binary()),
        "label": labels,
        "split": ["test", "train"] * 2,
        "camera": range(4),
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    dataset = open_dataset(tmp_path / "x.parquet")
    attributes = dataset.attributes()
    assert attributes and attributes.columns.to_pydict() == {"split": ["test", "test"], "camera": [0, 2]}
    assert np.array_equal(dataset.image(0), picture(0))
    with pytest.raises(ImageError, match="several labels: c, d"):
        dataset.image(1)


@pytest.mark.parametrize("cells", [["train"] * 7, ["train", "fold 1", "fold 2", "", "", "", ""], [*range(7)]])
def test_another_column_is_an_ordinary_one(tmp_path: Path, cells: list[object]) -> None:
    columns = {"image": pa.array(FILES, pa.binary()), "label": LABELS, "split": cells}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    dataset = open_dataset(tmp_path / "x.parquet")
    assert len(dataset.samples) == 7 and not dataset.questions


def test_the_names_of_the_files_come_before_the_column(tmp_path: Path) -> None:
    for name in ("train", "test"):
        columns = {"image": pa.array(FILES[:2], pa.binary()), "label": ["a", "b"], "split": ["train", "test"]}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    dataset = open_dataset(tmp_path)
    assert len(dataset.samples) == 2 and "in test.parquet" in dataset.notes[0]


def test_a_table_of_labels_for_arrays_tells_splits(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.stack([picture(i) for i in range(7)]))
    rows = [f"image {i},{label},{split}\n" for i, (label, split) in enumerate(zip(LABELS, SPLITS, strict=True))]
    (tmp_path / "truth.csv").write_text("file,label,split\n" + "".join(rows) + "image 99,a,test\n")

    def opened(split: str) -> Dataset:
        choices = Choices(labels=str(tmp_path / "truth.csv"), split=split)
        return open_dataset(describe(tmp_path / "images.npy", choices, tmp_path / "described"))

    dataset = opened("")
    assert [(each.topic, each.chosen, each.certain) for each in dataset.questions] == [("split", "test", False)]
    assert [(s.name, s.label) for s in dataset.samples] == [("image 1", "b"), ("image 4", "e"), ("image 99", "a")]
    assert np.array_equal(dataset.image(1), picture(4))
    with pytest.raises(ImageError, match="no such image"):
        dataset.image(2)
    check(opened("train"), "acg")
    assert len({opened(split).fingerprint for split in ("", "train", "all", "none")}) == 4
    with pytest.raises(DatasetError, match=r"images\.npy has no split 'fold'"):
        opened("fold")
    (tmp_path / "truth.csv").write_text("file,label\nimage 1,a\n")
    with pytest.raises(DatasetError, match="has no splits, so 'train' cannot be chosen"):
        opened("train")


def of_labels_csv(folder: Path, column: str, cells: list[object]) -> Path:
    for i, data in enumerate(FILES):
        (folder / f"{i}.png").write_bytes(data)
    rows = (f"{i}.png,{label},{cell}\n" for i, (label, cell) in enumerate(zip(LABELS, cells, strict=True)))
    (folder / "labels.csv").write_text(f"file,label,{column}\n" + "".join(rows))
    return folder


def of_parquet(folder: Path, column: str, cells: list[object]) -> Path:
    table = pa.table({"image": pa.array(FILES, pa.binary()), "label": LABELS, column: cells})
    pq.write_table(table, folder / "x.parquet")
    return folder / "x.parquet"


@pytest.mark.parametrize("make", [of_labels_csv, of_parquet])
def test_further_splits_have_their_own_names(tmp_path: Path, make: Callable[..., Path]) -> None:
    path = make(tmp_path, "split", ["train", "test", "Extra", "extra", "test", "", "train"])
    dataset = open_dataset(path)
    assert [sample.label for sample in dataset.samples if sample.label != "f"] == ["b", "e"]
    assert "train: 2 images" in dataset.notes[0] and "Extra: 2 images" in dataset.notes[0]
    extra = open_dataset(path, Choices(split="extra"))
    assert [sample.label for sample in extra.samples if sample.label != "f"] == ["c", "d"]
    trainval = make(tmp_path, "split", ["trainval", "test", *["trainval"] * 5])
    assert [sample.label for sample in open_dataset(trainval).samples] == ["b"]


def test_the_usage_of_fer2013_is_asked_about(tmp_path: Path) -> None:
    path = of_labels_csv(tmp_path, "Usage", ["Training", "PublicTest", "PrivateTest", *["Training"] * 4])
    with pytest.raises(UndecidedError, match=r"train: 5 images .*; PrivateTest: 1 image .*; PublicTest: 1 image"):
        open_dataset(path)
    assert [sample.label for sample in open_dataset(path, Choices(split="PrivateTest")).samples] == ["c"]


def test_the_training_images_of_cub_are_not_test_images(tmp_path: Path) -> None:
    path = of_labels_csv(tmp_path, "is_training_image", [1, 0, 1, 1, 0, 0, 1])
    assert [sample.label for sample in open_dataset(path).samples] == ["b", "e", "f"]


def test_shards_of_trainval_are_not_pooled_with_those_of_test(tmp_path: Path) -> None:
    for name in ("trainval", "test"):
        columns = {"image": pa.array(FILES[:2], pa.binary()), "label": ["a", "b"]}
        pq.write_table(pa.table(columns), tmp_path / f"{name}-00000-of-00001.parquet")
    dataset = open_dataset(tmp_path)
    assert len(dataset.samples) == 2 and "train: 2 images in trainval-00000-of-00001.parquet" in dataset.notes[0]


def of_tfrecord(folder: Path, column: str, cells: list[object]) -> Path:
    rows = zip(FILES, LABELS, cells, strict=True)
    records = (example(**{"image": data, "label": label.encode(), column: int(cell)}) for data, label, cell in rows)  # type: ignore[call-overload]
    return write(folder / "x.tfrecord", records)


@pytest.mark.parametrize("make", [of_labels_csv, of_parquet, of_tfrecord])
@pytest.mark.parametrize(
    ("column", "of_yes", "of_no"),
    [("is_train", "train", "test"), ("is_valid", "val", "train"), ("is_test", "test", "train")],
)
def test_a_column_of_yes_and_no_tells_splits(
    tmp_path: Path, make: Callable[..., Path], column: str, of_yes: str, of_no: str
) -> None:
    path = make(tmp_path, column, [True, False, True, True, False, False, True])
    for split, expected in ((of_yes, "acdg"), (of_no, "bef")):
        found = open_dataset(path, Choices(split=split))
        assert [sample.label for sample in found.samples] == list(expected)
    if "test" in (of_yes, of_no):
        assert [(each.topic, each.chosen) for each in open_dataset(path).questions] == [("split", "test")]
    else:
        with pytest.raises(UndecidedError, match="--split val    "):
            open_dataset(path)


def test_a_column_of_yes_only_is_an_ordinary_one(tmp_path: Path) -> None:
    dataset = open_dataset(of_parquet(tmp_path, "is_train", [1] * 7))
    assert len(dataset.samples) == 7 and not dataset.questions
