"""The table of formats and the texts made from it."""

from __future__ import annotations

import inspect
import shutil
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from dashboard.cli.evaluate import evaluate
from dashboard.core.datasets import KINDS, open_dataset
from dashboard.core.datasets.arrays import ArrayImages
from dashboard.core.datasets.formats import FOLDERS, FORMATS, OFFERED, PATTERN, either
from dashboard.core.datasets.image_files import ImageFiles
from dashboard.core.datasets.uploads import LOOSE_FILES, WHOLE_DATASETS
from dashboard.core.errors import DatasetError
from dashboard.ui.evaluate.dataset_upload import WHAT_CAN_BE_DROPPED
from tests.conftest import ROOT, MakeZip, encoded, picture


def test_a_suffix_belongs_to_one_format() -> None:
    count = Counter(suffix for each in FORMATS for suffix in each.suffixes)
    assert len(count) > 15 and set(count.values()) == {1}
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in count)


def test_the_readme_has_a_row_for_each_format() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [table] = [part for part in readme.split("\n\n") if part.startswith("| kind | labels from |")]
    rows = [(each.help, each.labels) for each in OFFERED]
    rows.append((FOLDERS.replace(PATTERN, f"`{PATTERN}`"), "as above"))
    assert table.splitlines()[2:] == [f"| {what} | {labels} |" for what, labels in rows]


def test_errors_uploader_and_command_line_name_each_format() -> None:
    annotation = inspect.signature(evaluate, eval_str=True).parameters["dataset"].annotation
    command_line = get_args(annotation)[1].help
    uploaded = {*WHOLE_DATASETS, *LOOSE_FILES}
    for each in OFFERED:
        assert each.help in KINDS and each.title in command_line and set(each.suffixes) <= uploaded
        assert f"{each.help[1:]}, with labels from {each.labels}" in WHAT_CAN_BE_DROPPED
    for each in set(FORMATS) - set(OFFERED):
        assert not set(each.suffixes) & uploaded and each.help not in KINDS


def test_the_first_bytes_say_more_than_the_name_and_the_name_more_than_what_is_inside(
    tmp_path: Path, make_zip: MakeZip
) -> None:
    np.save(tmp_path / "x.npy", np.stack([picture(0)]))
    array = shutil.copy(tmp_path / "x.npy", tmp_path / "array.png")
    assert isinstance(open_dataset(array), ArrayImages)
    archive = shutil.copy(make_zip({"cat": 1}), tmp_path / "archive.png")
    assert [sample.name for sample in open_dataset(archive).samples] == ["archive.png"]
    images = shutil.copy(make_zip({"cat": 1}), tmp_path / "images.anything")
    assert isinstance(open_dataset(images), ImageFiles)


def test_a_zip_of_arrays_is_told_from_a_zip_of_images(tmp_path: Path, make_zip: MakeZip) -> None:
    np.savez(tmp_path / "x.npz", images=np.stack([picture(0)]), labels=np.array([3]))
    arrays = shutil.copy(tmp_path / "x.npz", tmp_path / "arrays.zip")
    assert isinstance(open_dataset(arrays), ArrayImages)
    mixed = make_zip({}, extra={"a.npy": (tmp_path / "x.npz").read_bytes(), "b.png": encoded(picture(0))})
    assert isinstance(open_dataset(mixed), ImageFiles)


@pytest.mark.parametrize(
    "name, said",
    [
        ("x.zip", "not a complete ZIP"), ("x.npz", "not a complete ZIP"), ("x.NPY", "begin like a NumPy file"),
        ("x.parquet", "begin like a Parquet file"), ("x.tfrecords", "begin like a TFRecord file"),
        ("x.txt", "not a dataset of a supported format"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(DatasetError, match=said):
        open_dataset(tmp_path / name)


@pytest.mark.parametrize("name", ["labels.csv", "labels.JSON", "labels.xlsx"])
def test_a_labels_file_alone_is_told_where_it_belongs(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("file,label\na.png,cat\n")
    with pytest.raises(DatasetError, match=f"{name} is not a dataset") as caught:
        open_dataset(tmp_path / name)
    assert caught.value.fix.startswith(
        "If it holds the labels of images, put it into the folder or ZIP of these images"
    )
    assert caught.value.fix.endswith("If it holds predictions, import it: `python -m dashboard import FILE`.")


@pytest.mark.parametrize("names, text", [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_either(names: list[str], text: str) -> None:
    assert either(names) == text
