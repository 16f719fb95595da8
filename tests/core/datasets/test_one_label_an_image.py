"""Tables that may give an image several labels: one-hot columns, COCO, lists."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.coco import coco_rows
from dashboard.core.datasets.label_value import SeveralLabels, as_label
from dashboard.core.datasets.numbers_of_classes import count_of_classes
from dashboard.core.errors import DatasetError, ImageError, commands_in
from tests.conftest import MakeZip, encoded, picture

Labelled = Callable[..., Dataset]


@pytest.fixture
def labelled(make_zip: MakeZip) -> Labelled:
    """Opens a ZIP of a.png, b.png, c.png, d.png and a labels file."""

    def open_with(name: str, content: bytes | str | object, folder: str = "") -> Dataset:
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        data = content.encode() if isinstance(content, str) else content
        images = {f"{folder}{letter}.png": encoded(picture(i)) for i, letter in enumerate("abcd")}
        return open_dataset(make_zip({}, extra={**images, name: data}))

    return open_with


def labels(dataset: Dataset) -> list[str | None]:
    return [sample.label for sample in dataset.samples]


def reason(dataset: Dataset, index: int) -> ImageError:
    with pytest.raises(ImageError) as caught:
        dataset.image(index)
    assert caught.value.fix
    return caught.value


def refused(labelled: Labelled, name: str, content: object) -> str:
    with pytest.raises(DatasetError) as caught:
        labelled(name, content)
    assert caught.value.code == "labels_file" and name in caught.value.message and caught.value.fix
    return caught.value.message


def test_one_hot_columns(labelled: Labelled) -> None:
    dataset = labelled("GroundTruth.csv", "image,MEL,NV,UNK\na,1.0,0.0,0.0\nb,0.0,1.0,0.0\nc.png,0,1,0\nd,1.0,0,0\n")
    assert labels(dataset) == ["MEL", "NV", "NV", "MEL"]
    assert all(np.array_equal(dataset.image(i), picture(i)) for i in range(4))
    assert "GroundTruth.csv has a column for each class: MEL, NV, UNK." in dataset.notes


@pytest.mark.parametrize("yes, no", [("1", "0"), ("1,0", "0,0"), ("True", "False"), ("1.", "0.000")])
def test_other_spellings_of_0_and_1(labelled: Labelled, yes: str, no: str) -> None:
    assert labels(labelled("labels.csv", f"image; cat; dog\na;{yes};{no}\nb; {no}; {yes}\n"))[:2] == ["cat", "dog"]


def test_rows_without_exactly_one_1_are_faults_by_name(labelled: Labelled) -> None:
    dataset = labelled("labels.csv", "isic_id;cat;dog;age\na;1;0;50\nb;1;1;40\nc;0;0;\nd;0;1;50\n")
    assert labels(dataset) == ["cat", None, None, "dog"]
    assert reason(dataset, 1).code == "several_labels" and "cat, dog" in reason(dataset, 1).message
    assert reason(dataset, 2).code == "label_missing"
    assert "are not classes: age" in " ".join(dataset.notes)
    assert "Without a label" not in " ".join(dataset.notes)


@pytest.mark.parametrize(
    "table",
    [
        "id,cat,dog\na,0.1,0.1\nb,0.1,0.1\n",  # what Kaggle calls a sample submission
        "id,cat,dog\na,0.9,0.1\nb,1,0\n",
        "id,cat\na,1\nb,0\n".replace("id", "isic") + "x,y,z\n",
        "id,cat,cat\na,1,0\nb,0,1\n",
    ],
)
def test_other_numbers_are_no_classes(labelled: Labelled, table: str) -> None:
    assert "cannot be used as a labels file" in refused(labelled, "truth.csv", table)


def test_a_column_of_labels_says_more_than_columns_of_0_and_1(labelled: Labelled) -> None:
    table = "image,sick,old,label\na,1,0,cat\nb,1,1,dog\nc,0,0,cat\nd,0,1,dog\n"
    assert labels(labelled("labels.csv", table)) == ["cat", "dog", "cat", "dog"]


@pytest.mark.parametrize(
    "table",
    [
        "image,diagnosis,left_eye,right_eye\na,sick,1,0\nb,well,0,1\nc,sick,0,1\nd,well,1,0\n",
        "image,diagnosis,left,right,blurred\na,sick,1,0,0\nb,well,0,1,0\nc,sick,0,1,1\nd,well,1,0,0\n",
    ],
)
def test_columns_of_0_and_1_beside_a_column_of_words_are_no_certain_classes(labelled: Labelled, table: str) -> None:
    with pytest.raises(
        DatasetError, match="its labels may be in diagnosis, or it may have a column for each"
    ) as caught:
        labelled("labels.csv", table)
    assert "call the column of the labels `label`" in caught.value.fix
    renamed = labelled("labels.csv", table.replace("diagnosis", "label"))
    assert labels(renamed) == ["sick", "well", "sick", "well"]


def test_columns_with_one_1_in_each_row_are_classes_whatever_else_there_is(labelled: Labelled) -> None:
    table = "image,cat,dog,pig,site,split\na,1,0,0,arm,x\nb,0,1,0,leg,x\nc,0,0,1,arm,y\nd,0,1,0,leg,y\n"
    assert labels(labelled("labels.csv", table)) == ["cat", "dog", "pig", "dog"]
    two = "image,cat,dog,split\na,1,0,x\nb,0,1,x\nc,0,1,y\nd,0,1,y\n"
    assert labels(labelled("labels.csv", two)) == ["cat", "dog", "dog", "dog"]


def test_a_table_in_which_no_image_has_one_label_is_refused(labelled: Labelled) -> None:
    said = refused(labelled, "labels.csv", "image,cat,dog\na,1,1\nb,0,0\n")
    assert "no image has exactly one label" in said and "a: " in said


CATEGORIES = [{"id": 0, "name": "pets", "supercategory": "none"}, {"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}]


def coco(*pairs: tuple[int, int], **changes: Any) -> dict[str, Any]:
    """Images a to d with the ids 10 to 13, and an annotation for each pair of image and category."""
    return {
        "info": {}, "licenses": [],
        "images": [{"id": 10 + i, "file_name": f"{letter}.png", "width": 32} for i, letter in enumerate("abcd")],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "bbox": [0, 0, 9, 9]}
            for i, (image, category) in enumerate(pairs)
        ],
        "categories": CATEGORIES,
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name, folder",
    [
        ("_annotations.coco.json", ""), ("set/_annotations.coco.json", "set/"), ("annotations/instances_val2017.json", "val2017/"),
        ("labels.json", "images/"), ("truth.json", ""),
    ],
)  # fmt: skip
def test_coco_gives_an_image_the_category_of_all_its_objects(labelled: Labelled, name: str, folder: str) -> None:
    dataset = labelled(name, coco((11, 7), (10, 1), (10, 1), (12, 1)), folder)
    assert {sample.name: sample.label for sample in dataset.samples} == {
        f"{folder}{letter}.png": label for letter, label in zip("abcd", ["cat", "dog", "cat", None], strict=True)
    }
    by_name = {sample.name.rpartition("/")[2]: sample.index for sample in dataset.samples}
    assert all(np.array_equal(dataset.image(by_name[f"{letter}.png"]), picture(i)) for i, letter in enumerate("abcd"))
    assert f"1 image has no label in {name}" in " ".join(dataset.notes)


def test_coco_images_with_several_categories_are_not_guessed(labelled: Labelled) -> None:
    dataset = labelled("_annotations.coco.json", coco((10, 1), (11, 1), (11, 7), (12, 99)))
    assert labels(dataset) == ["cat", None, None, None]
    assert reason(dataset, 1).code == "several_labels" and "several categories: cat, dog" in reason(dataset, 1).message
    assert reason(dataset, 2).code == "label_unknown" and "99" in reason(dataset, 2).message
    assert np.array_equal(dataset.image(3), picture(3))


def test_coco_in_which_an_id_means_two_images_or_categories_is_not_guessed(labelled: Labelled) -> None:
    images = [{"id": i, "file_name": f"{letter}.png"} for i, letter in zip((10, 10, 11, 12, 12), "abcdd", strict=True)]
    categories = [*CATEGORIES, {"id": 7, "name": "cat"}, {"id": 1, "name": "cat"}]
    dataset = labelled("_annotations.coco.json", coco((10, 1), (11, 7), (12, 1), images=images, categories=categories))
    assert labels(dataset) == [None, None, None, "cat"]
    assert "the id 10, which 2 images have" in reason(dataset, 0).message
    assert "the id 10, which 2 images have" in reason(dataset, 1).message
    assert "the category 7, which has several names in it: dog, cat." in reason(dataset, 2).message


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"annotations": [{"image_id": 10, "caption": "a cat"}]}, "have no categories"),
        ({"annotations": []}, "have no categories"),
        ({"images": [{"id": 10}]}, "lacks 'file_name'"),
        ({"images": ["a.png"]}, "cannot be used"),
        ({"categories": {"cat": 1}}, "cannot be used"),
        ({"annotations": [{"image_id": [], "category_id": 1}]}, "cannot be used"),
    ],
)
def test_coco_that_makes_no_sense_is_refused(labelled: Labelled, changes: dict[str, Any], said: str) -> None:
    assert said in refused(labelled, "_annotations.coco.json", coco((10, 1), **changes))


def test_coco_with_several_categories_everywhere_is_refused(labelled: Labelled) -> None:
    said = refused(labelled, "_annotations.coco.json", coco((10, 1), (10, 7)))
    assert "no image has exactly one label" in said and "a.png" in said


@pytest.mark.parametrize(
    "value, label",
    [
        (["cat"], "cat"), ([3], "3"), ([3.0], "3"), ([], None), (("cat",), "cat"), (np.array(["cat"]), "cat"),
        (["cat", "cat"], "cat"), ([None, "cat"], "cat"), ('["cat"]', "cat"), ("['cat']", "cat"), ("[3]", "3"), ("[]", None),
        ("['cat',]", "cat"), ('["k\\u00e4se"]', "käse"), ("[cat]", "[cat]"), ("['cat' 'dog']", "['cat' 'dog']"), ("[1.5]", "[1.5]"),
    ],
)  # fmt: skip
def test_a_list_of_one_label_is_this_label(value: object, label: str | None) -> None:
    assert as_label(value) == label


@pytest.mark.parametrize(
    "value", [["cat", "dog"], '["cat", "dog"]', "['cat', 'dog']", "[1, 2]", [1, 2], np.array([1, 2])]
)
def test_a_list_of_several_labels_is_no_label(value: object) -> None:
    with pytest.raises(SeveralLabels, match="several labels") as caught:
        as_label(value)
    assert len(caught.value.labels) == 2


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


FILES, LISTS = [f"{letter}.png" for letter in "abcd"], [["cat"], ["cat", "dog"], [], ["dog"]]


@pytest.mark.parametrize(
    "name, content",
    [
        ("labels.csv", 'file,label\na.png,"[\'cat\']"\nb.png,"[""cat"", ""dog""]"\nc.png,[]\nd.png,[dog]\n'.replace("[dog]", "dog")),
        ("labels.json", json.dumps(dict(zip(FILES, LISTS, strict=True)))),
        ("metadata.jsonl", "\n".join(json.dumps({"file_name": f, "label": v}) for f, v in zip(FILES, LISTS, strict=True))),
        ("labels.parquet", parquet(pa.table({"file": FILES, "label": LISTS}))),
    ],
)  # fmt: skip
def test_lists_in_every_kind_of_table(labelled: Labelled, name: str, content: bytes | str) -> None:
    dataset = labelled(name, content)
    assert labels(dataset) == ["cat", None, None, "dog"]
    assert reason(dataset, 1).code == "several_labels" and name in reason(dataset, 1).message
    assert np.array_equal(dataset.image(2), picture(2))


def test_lists_beside_images_in_parquet(tmp_path: Any) -> None:
    images = [{"bytes": encoded(picture(i)), "path": f"{i}.png"} for i in range(4)]
    table = pa.table({"image": images, "label": [[0], [0, 1], None, [1]]})
    feature = {"feature": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "_type": "Sequence"}
    for i, given in enumerate((feature, [feature["feature"]])):
        metadata = {"huggingface": json.dumps({"info": {"features": {"label": given}}})}
        pq.write_table(table.replace_schema_metadata(metadata), tmp_path / f"{i}.parquet")
        dataset = open_dataset(tmp_path / f"{i}.parquet")
        assert labels(dataset) == ["cat", None, None, "dog"]
        assert reason(dataset, 1).code == "several_labels" and "cat, dog" in reason(dataset, 1).message
        assert all(np.array_equal(dataset.image(j), picture(j)) for j in (0, 2, 3))


OPEN_IMAGES = "ImageID,Source,LabelName,Confidence\n"


def test_a_confidence_of_0_in_open_images_says_what_an_image_does_not_show(labelled: Labelled) -> None:
    rows = "a,human,/m/cat,1\na,human,/m/dog,0\nb,human,/m/dog,1.0\nb,human,/m/cat,0.0\nc,human,/m/cat,0\nd,machine,/m/dog,0.9\n"
    dataset = labelled("labels.csv", OPEN_IMAGES + rows)
    assert labels(dataset) == ["/m/cat", "/m/dog", None, "/m/dog"]
    assert any(note.startswith("3 rows say by a Confidence of 0 that the image shows no") for note in dataset.notes)
    other = labelled("labels.csv", "file,label,confidence\na,cat,1\nb,dog,0\nc,cat,1\nd,dog,0\n")  # a labeller's doubt
    assert labels(other) == ["cat", "dog", "cat", "dog"]


def test_several_rows_with_different_labels_for_each_image_are_refused_in_words(labelled: Labelled) -> None:
    rows = "".join(f"{letter},human,/m/{label},1\n" for letter in "abcd" for label in ("cat", "dog"))
    with pytest.raises(
        DatasetError, match=r"no image exactly one label: .* as for a.png. Only images with one"
    ) as refused:
        labelled("labels.csv", OPEN_IMAGES + rows)
    assert refused.value.code == "labels_file"
    assert refused.value.fix.endswith("at most one for each image; then give the copy with --labels FILE.")
    kept = labelled("labels.csv", OPEN_IMAGES + rows.replace("d,human,/m/cat,1\n", ""))
    assert labels(kept) == [None, None, None, "/m/dog"]
    assert (
        "3 images have rows with different labels in labels.csv, so not evaluated: a.png, b.png, c.png." in kept.notes
    )


SOFT = [[0.2, 0.7, 0.1], [0.9, 0.05, 0.05], [0.33, 0.33, 0.34], [0.0, 1.0, 0.0]]
NAMED = [dict(zip(("cat", "dog", "pig"), each, strict=True)) for each in SOFT]
HOT = [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]


def in_lines(values: list[Any]) -> str:
    return "\n".join(json.dumps({"file_name": f, "label": v}) for f, v in zip(FILES, values, strict=True))


@pytest.mark.parametrize(
    "name, content, found",
    [
        ("labels.csv", pd.DataFrame({"file": FILES, "target": SOFT}).to_csv(index=False), "1021"),
        ("labels.csv", pd.DataFrame({"file": FILES, "label": [*map(np.array, SOFT)]}).to_csv(index=False, sep=";"), "1021"),
        ("labels.json", json.dumps(dict(zip(FILES, SOFT, strict=True))), "1021"),
        ("labels.json", pd.DataFrame({"file": FILES, "y": SOFT}).to_json(orient="records"), "1021"),
        ("labels.json", json.dumps([{"file": f, "y": v} for f, v in zip(FILES, NAMED, strict=True)]), ["dog", "cat", "pig", "dog"]),
        ("metadata.jsonl", in_lines(SOFT), "1021"),
        ("metadata.jsonl", in_lines([*HOT[:3], None]), ["1", "0", "2", None]),
        ("labels.parquet", parquet(pa.table({"file": FILES, "label": SOFT})), "1021"),
        ("labels.parquet", parquet(pa.table({"file": FILES, "label": HOT})), "1021"),
    ],
)  # fmt: skip
def test_the_advice_on_numbers_of_all_classes_works(
    tmp_path: Path, name: str, content: bytes | str, found: str | list[str | None]
) -> None:
    (tmp_path / "images").mkdir()
    for i, file in enumerate(FILES):
        (tmp_path / "images" / file).write_bytes(encoded(picture(i)))
    table = tmp_path / "images" / name
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(
        DatasetError, match="3 numbers for each image, one for each class, and not one label"
    ) as refused:
        open_dataset(tmp_path / "images")
    assert refused.value.code == "labels_file" and "--labels hard_labels.csv" in refused.value.fix
    [command] = commands_in(refused.value.fix)
    subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=table.parent, check=True)
    dataset = open_dataset(tmp_path / "images", Choices(labels="hard_labels.csv"))
    assert labels(dataset) == [*found]


@pytest.mark.parametrize("values", [SOFT, HOT])
def test_the_advice_on_numbers_of_all_classes_beside_images_works(tmp_path: Path, values: list[Any]) -> None:
    images = [{"bytes": encoded(picture(i)), "path": f"{i}.png"} for i in range(4)]
    pq.write_table(pa.table({"image": images, "label": values}), tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match="column label holds 3 numbers for each image") as refused:
        open_dataset(tmp_path / "x.parquet")
    [command] = commands_in(refused.value.fix)
    subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=tmp_path, check=True)
    dataset = open_dataset(tmp_path / "hard_labels.parquet")
    assert labels(dataset) == [*"1021"] and np.array_equal(dataset.image(3), picture(3))


@pytest.mark.parametrize(
    "values", [[[0, 1], [1], [2], []], [["cat"], ["dog"], ["cat"], None], [[1, 2], [2, 3], [1], [2]], [[10**400, 0]]]
)
def test_lists_of_labels_are_no_numbers_of_all_classes(values: list[Any]) -> None:
    assert count_of_classes(values) == 0


def test_a_name_that_a_shell_would_read_is_in_no_advice(labelled: Labelled) -> None:
    with pytest.raises(DatasetError, match="3 numbers for each image") as refused:
        labelled("labels.json", [{"file": f, "label `x`": 1, "y": v} for f, v in zip(FILES, SOFT, strict=True)])
    assert commands_in(refused.value.fix)
    with pytest.raises(DatasetError, match="3 numbers for each image") as refused:
        labelled("$(x)/labels$y.json", dict(zip(FILES, SOFT, strict=True)))
    assert not commands_in(refused.value.fix) and "the class with the largest number" in refused.value.fix


def test_two_rows_for_one_image_of_which_one_has_several_labels(labelled: Labelled) -> None:
    dataset = labelled("labels.json", [{"file": "a.png", "label": ["cat", "dog"]}, {"file": "a", "label": "cat"}])
    assert labels(dataset)[0] is None and reason(dataset, 0).code == "several_labels"


def test_coco_takes_little_memory_for_each_image() -> None:
    n = 20_000
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(n)],
        "annotations": [{"image_id": i, "category_id": i % 2} for i in range(n)],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    tracemalloc.start()
    try:
        table = coco_rows("x.json", content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert table.labels[:3] == ("cat", "dog", "cat") and peak < 250 * n, "bytes; a set for each image takes 500"
