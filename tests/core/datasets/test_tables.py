"""Several tables beside images: which of them holds the labels, and what numbers in it mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import Dataset, label_counts, open_dataset, tables
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.class_map import find_class_maps
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.labels_option import labels_choice
from dashboard.core.errors import DatasetError
from dashboard.core.labels.class_ids import IDS_UNCERTAIN
from dashboard.core.questions import UndecidedError
from tests.conftest import MakeZip, encoded, picture

TRAIN = b"image_id,label\na,0\nb,1\nc,0\n"
SUBMISSION = b"image_id,label\nx,0\ny,0\n"


def competition(make_zip: MakeZip, extra: dict[str, bytes]) -> Path:
    """Three images to train with and two to submit, as Kaggle gives them."""
    places = ("train/a.png", "train/b.png", "train/c.png", "test/x.png", "test/y.png")
    return make_zip({}, extra={**{place: encoded(picture(i)) for i, place in enumerate(places)}, **extra})


def labelled(dataset: Dataset) -> dict[str, str | None]:
    return {sample.name: sample.label for sample in dataset.samples}


def test_the_table_that_fits_is_used_and_the_submission_is_not(make_zip: MakeZip) -> None:
    path = competition(make_zip, {"train.csv": TRAIN, "sample_submission.csv": SUBMISSION})
    dataset = open_dataset(path)
    assert labelled(dataset) == {"train/a.png": "0", "train/b.png": "1", "train/c.png": "0"}
    assert np.array_equal(dataset.image(2), picture(2))
    told = " ".join(dataset.notes)
    assert "Only the split train is used, since no other has labels (test: 2 images" in told
    assert "Labels are taken from train.csv" in told
    unlabelled = open_dataset(path, Choices(split="test"))
    assert set(labelled(unlabelled).values()) == {None}, "made-up labels are no labels"
    assert "sample_submission.csv is not used: it is called a submission" in " ".join(unlabelled.notes)


@pytest.mark.parametrize("name", ["sample_submission.csv", "format.csv"])
def test_made_up_labels_are_no_labels_of_a_test_split(make_zip: MakeZip, name: str) -> None:
    images = {
        f"{place}.png": encoded(picture(i))
        for i, place in enumerate(["train/cat/1", "train/dog/2", "test/x", "test/y"])
    }
    dataset = open_dataset(make_zip({}, extra={**images, name: SUBMISSION}))
    assert labelled(dataset) == {"train/cat/1.png": "cat", "train/dog/2.png": "dog"}
    tested = open_dataset(dataset.path, Choices(split="test"))
    assert set(labelled(tested).values()) == {None} and any(f"{name} is not used" in note for note in tested.notes)


def test_images_with_nothing_but_a_submission_have_no_labels(make_zip: MakeZip) -> None:
    path = make_zip(
        {}, extra={"x.png": encoded(picture(1)), "y.png": encoded(picture(2)), "submission.csv": SUBMISSION}
    )
    dataset = open_dataset(path)
    assert [s.label for s in dataset.samples if s.name.endswith("png")] == [None, None]
    chosen = open_dataset(path, Choices(labels="submission.csv"))
    assert labelled(chosen) == {"x.png": "0", "y.png": "0"}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("notes.xlsx", "PK\3\4", "it is a workbook of a spreadsheet program"),
        ("app.manifest", "CACHE MANIFEST", "it is not valid JSON"),
        ("notes.json", "{a", "it is not valid JSON"),
        ("notes.csv", "Monday: sunny", "no columns of file names and labels were recognised"),
    ],
)
def test_a_file_that_may_be_a_table_of_labels_can_be_passed_over(
    make_zip: MakeZip, name: str, content: str, why: str
) -> None:
    path = make_zip({}, extra={"x.png": encoded(picture(1)), "y.png": encoded(picture(2)), name: content.encode()})
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    assert f"{name} cannot be used as a labels file: {why}" in caught.value.message
    assert caught.value.fix.endswith(
        "If it holds no labels, leave it out of the dataset, or do without it: --labels folders."
    )
    dataset = open_dataset(path, Choices(labels="folders"))
    assert labelled(dataset) == {"x.png": None, "y.png": None}
    assert any(f"1 file that is not an image is ignored: {name}" in note for note in dataset.notes)


def test_a_table_with_one_label_for_all_is_no_table_of_labels_beside_another(make_zip: MakeZip) -> None:
    images = {f"{name}.png": encoded(picture(i)) for i, name in enumerate("abxy")}
    rest = {"truth.csv": b"image,label\na,cat\nb,dog\n", "empty.csv": b"image,label\nx,cat\ny,cat\n"}
    dataset = open_dataset(make_zip({}, extra=images | rest))
    assert labelled(dataset) == {"a.png": "cat", "b.png": "dog", "x.png": None, "y.png": None}
    assert "2 images have no label in truth.csv, so not compared: x.png, y.png." in dataset.notes
    assert any("empty.csv is not used: it gives every image the same label, cat" in note for note in dataset.notes)
    [question] = dataset.questions
    assert question.topic == "labels" and question.chosen == "truth.csv"


def test_several_tables_are_asked_about(make_zip: MakeZip, tmp_path: Path) -> None:
    images = {f"{name}.png": encoded(picture(i)) for i, name in enumerate("ab")}
    rest = {"one.csv": b"image,label\na,cat\nb,dog\nz,dog\n", "two.csv": b"image,label\na,dog\nb,cat\n"}
    path = make_zip({}, extra=images | rest)
    with pytest.raises(UndecidedError, match=r"one\.csv \(3 rows, of which 2 name an image\)") as asked:
        open_dataset(path)
    assert asked.value.code == "labels_file" and "--labels two.csv  2 rows" in asked.value.fix
    for typed in ("two.csv", "./two.csv"):
        choices = Choices(labels=labels_choice(path, typed))
        assert labelled(open_dataset(describe(path, choices, tmp_path / "d"))) == {"a.png": "dog", "b.png": "cat"}
    with pytest.raises(DatasetError, match=r"no single table three\.csv. Its tables: one\.csv, two\.csv"):
        open_dataset(path, Choices(labels="three.csv"))


def test_folders_that_may_be_parts_instead_of_classes_are_asked_about(make_zip: MakeZip) -> None:
    images = {f"site_{1 + i // 2}/{i}.png": encoded(picture(i)) for i in range(4)}
    table = b"image,label\n0,cat\n1,dog\n2,cat\n3,dog\n"
    path = make_zip({}, extra={**images, "pets_metadata.csv": table})
    with pytest.raises(UndecidedError, match="and so could its folders, site_1, site_2") as asked:
        open_dataset(path)
    assert [answer.value for answer in asked.value.question.answers] == ["pets_metadata.csv", "folders"]
    by_table = open_dataset(path, Choices(labels=labels_choice(path, "pets_metadata.csv")))
    assert label_counts(by_table.samples) == {"cat": 2, "dog": 2} and by_table.questions[0].certain
    by_folder = open_dataset(path, Choices(labels=labels_choice(path, "folders")))
    assert label_counts(by_folder.samples) == {"site_1": 2, "site_2": 2}


@pytest.mark.parametrize("folder", ["part_{}", "HAM10000_images_part_{}", "images_00{}/images", "batch{}"])
def test_numbered_parts_are_no_classes_beside_a_table(make_zip: MakeZip, folder: str) -> None:
    images = {f"{folder.format(1 + i // 2)}/ISIC_{i}.png": encoded(picture(i)) for i in range(4)}
    cells = [("ISIC_0", "cat"), ("ISIC_1", "dog"), ("ISIC_2", "cat"), ("ISIC_3", "dog")]
    table = "lesion_id,image_id,dx,age\n" + "".join(f"HAM_{i}{i}{i},{i},{dx},{i}0\n" for i, dx in cells)
    path = make_zip({}, extra={**images, "HAM10000_metadata.csv": table.encode()})
    with pytest.raises(UndecidedError) as asked:
        open_dataset(path)
    assert [(each.value, each.meaning) for each in asked.value.question.answers] == [("dx", "cat, dog")]
    assert label_counts(open_dataset(path, Choices(label_column="dx")).samples) == {"cat": 2, "dog": 2}
    named = make_zip({}, "named.zip", extra={**images, "truth.csv": table.replace("dx", "label").encode()})
    assert label_counts(open_dataset(named).samples) == {"cat": 2, "dog": 2}
    assert len(label_counts(open_dataset(named, Choices(labels="folders")).samples)) <= 2


@pytest.mark.parametrize("name", ["metadata.csv", "labels.csv"])
def test_a_table_with_labels_for_few_images_in_class_folders_is_asked_about(make_zip: MakeZip, name: str) -> None:
    """The second row has no label, so the table gives one label for ten images."""
    table = b"file_name,label\ncat/0.png,striped\ncat/1.png,\n"
    path = make_zip({"cat": 5, "dog": 5}, extra={name: table})
    with pytest.raises(UndecidedError, match="and so could its folders, cat, dog") as asked:
        open_dataset(path)
    assert asked.value.question.topic == "labels"
    assert [answer.value for answer in asked.value.question.answers] == [name, "folders"]
    by_folder = open_dataset(path, Choices(labels="folders"))
    assert label_counts(by_folder.samples) == {"cat": 5, "dog": 5}
    by_table = open_dataset(path, Choices(labels=name))
    assert label_counts(by_table.samples) == {"striped": 1}


def test_a_table_that_labels_nearly_all_images_replaces_the_folders(make_zip: MakeZip) -> None:
    rows = "".join(f"part{1 + i // 5}/{i}.png,{'cat' if i % 2 else 'dog'}\n" for i in range(9))
    images = {f"part{1 + i // 5}/{i}.png": encoded(picture(i)) for i in range(10)}
    dataset = open_dataset(make_zip({}, extra={**images, "metadata.csv": f"file_name,label\n{rows}".encode()}))
    assert label_counts(dataset.samples) == {"dog": 5, "cat": 4}


def test_a_table_that_repeats_the_folders_is_no_question(make_zip: MakeZip) -> None:
    table = b"image,label\ncat/0.png,cat\ndog/0.png,dog\n"
    dataset = open_dataset(make_zip({"cat": 1, "dog": 1}, extra={"list.csv": table}))
    assert label_counts(dataset.samples) == {"cat": 1, "dog": 1} and dataset.questions == ()
    partly = make_zip({"cat": 3, "dog": 1}, "partly.zip", extra={"labels.csv": table})
    assert label_counts(open_dataset(partly).samples) == {"cat": 3, "dog": 1}
    swapped = make_zip(
        {"cat": 1, "dog": 1}, "swapped.zip", extra={"list.csv": table.replace(b"0.png,cat", b"0.png,dog")}
    )
    with pytest.raises(UndecidedError, match="and so could its folders"):
        open_dataset(swapped)


def test_tables_share_one_limit_of_bytes(make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_LABELS_BYTES", 100)
    images = {f"{name}.png": encoded(picture(i)) for i, name in enumerate("ab")}
    filler = b"\n" * 30
    rest = {
        "1.csv": b"image,label\na,cat\nb,dog\n" + filler,
        "2.csv": b"width,height\n1,2\n" + filler,  # no table of labels, so it takes nothing of the limit
        "3.csv": b"image,label\na,dog\nb,cat\n" + filler,
    }
    path = make_zip({}, extra=images | rest)
    dataset = open_dataset(path)
    assert labelled(dataset) == {"a.png": "cat", "b.png": "dog"}
    [told] = [note for note in dataset.notes if note.startswith("3.csv is not read")]
    assert "all tables of a dataset together" in told
    chosen = open_dataset(path, Choices(labels="3.csv"))
    assert labelled(chosen) == {"a.png": "dog", "b.png": "cat"}
    folders = make_zip({"cat": 1, "dog": 1}, "folders.zip", extra=rest | {"4.csv": b"\n" * 60 + rest["1.csv"]})
    assert any(note.startswith("4.csv is not read") for note in open_dataset(folders).notes)


def test_a_typed_table_is_looked_for_in_the_dataset_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for folder in (tmp_path, data):
        (folder / "truth.csv").write_text("file,label\n")
    (tmp_path / "other.csv").write_text("file,label\n")
    monkeypatch.chdir(tmp_path)
    assert labels_choice(data, "truth.csv") == "truth.csv"
    assert labels_choice(data, "data/truth.csv") == "truth.csv"
    assert labels_choice(data, str(data / "truth.csv")) == "truth.csv"
    assert labels_choice(data, "other.csv") == str(tmp_path / "other.csv") and labels_choice(data, "") == ""


@pytest.mark.parametrize(
    "name, content, used",
    [
        ("label_num_to_name.json", json.dumps({"0": "cat", "1": "dog"}), True),
        ("class_indices.json", json.dumps({"cat": 0, "dog": 1}), True),
        ("class_index.json", json.dumps({"0": ["n02121620", "cat"], "1": ["n02084071", "dog"]}), True),
        ("classes.json", json.dumps(["cat", "dog"]), True),
        ("labels.txt", "0 cat\n1 dog\n", True),
        ("labels.txt", "# my classes\n# by hand\ncat\ndog\n", True),
        ("classes.txt", "cat\ndog\n", True),
        ("class_indices.json", json.dumps({"cat": 0, "mouse": 2}), False),
        ("settings.json", json.dumps({"author": "me", "year": "2020"}), False),
        ("readme.txt", "cat\ndog\n", False),
    ],
)
def test_a_file_beside_the_images_says_what_numbers_mean(
    make_zip: MakeZip, name: str, content: str, used: bool
) -> None:
    images = {f"{each}.png": encoded(picture(i)) for i, each in enumerate("abc")}
    dataset = open_dataset(make_zip({}, extra={**images, "train.csv": TRAIN, name: content.encode()}))
    assert label_counts(dataset.samples) == ({"cat": 2, "dog": 1} if used else {"0": 2, "1": 1})
    assert any(f"{name} says what the numbers mean: 0 is cat, 1 is dog." in note for note in dataset.notes) is used


@pytest.mark.parametrize("name", ["classes.csv", "label_names.csv", "signnames.csv", "species.tsv", "a/legend.csv"])
@pytest.mark.parametrize(
    ("rows", "used"),
    [
        ("ClassId,SignName\n0,cat\n1,dog\n", True),
        ("id,name\n1,dog\n7,fox\n0,cat\n", True),  # in any order, and with numbers that no image has
        ("species,code\ncat,0\ndog,1\n", True),
        ("0,cat\n1,dog\n", True),
        ("no,what\n3,cat\n4,dog\n", False),  # of other numbers
        ("no,what\n0,0.25\n1,0.75\n", False),
        ("no,what,who\n0,cat,me\n1,dog,you\n", False),
    ],
)
def test_a_table_of_ids_and_names_is_known_by_its_cells(make_zip: MakeZip, name: str, rows: str, used: bool) -> None:
    images = {f"{each}.png": encoded(picture(i)) for i, each in enumerate("abc")}
    content = rows.replace(",", "\t") if name.endswith("tsv") else rows
    dataset = open_dataset(make_zip({}, extra={**images, "train.csv": TRAIN, name: content.encode()}))
    assert label_counts(dataset.samples) == ({"cat": 2, "dog": 1} if used else {"0": 2, "1": 1})
    assert (f"{name} says what the numbers mean: 0 is cat, 1 is dog." in dataset.notes) is used
    assert not used or not any("cannot be used" in note or "ignored" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "rows", ["no,what\n0,a\n1,b\n", "no,what\n0,x.png\n1,y.png\n", "no,title\n0,Me\n1,You\n2,All\n"]
)
def test_a_table_about_images_names_no_classes(make_zip: MakeZip, rows: str) -> None:
    images = {f"{each}.png": encoded(picture(i)) for i, each in enumerate("ab012")}
    extra = {**images, "train.csv": b"file,label\n0.png,0\n1.png,1\n2.png,0\n", "pictures.csv": rows.encode()}
    dataset = open_dataset(make_zip({}, extra=extra), Choices(labels="train.csv"))
    assert label_counts(dataset.samples) == {"0": 2, "1": 1}


def test_tables_that_name_the_same_ids_otherwise_are_not_used(make_zip: MakeZip) -> None:
    images = {f"{each}.png": encoded(picture(i)) for i, each in enumerate("abc")}
    tables = {"one.csv": b"ClassId,SignName\n0,cat\n1,dog\n", "two.csv": b"id,name\n0,dog\n1,cat\n"}
    dataset = open_dataset(make_zip({}, extra={**images, "train.csv": TRAIN, **tables}))
    assert label_counts(dataset.samples) == {"0": 2, "1": 1}
    assert "since one.csv and two.csv give them different names" in dataset.notes[-2]
    assert dataset.notes[-1] == IDS_UNCERTAIN


def test_names_of_numbers_that_are_not_certain_are_not_used(make_zip: MakeZip) -> None:
    images = {f"{each}.png": encoded(picture(i)) for i, each in enumerate("ab")}
    table = {"train.csv": b"image,label\na,1\nb,2\n"}
    listed = open_dataset(make_zip({}, "1.zip", extra={**images, **table, "classes.txt": b"cat\ndog\nfrog\n"}))
    assert label_counts(listed.samples) == {"1": 1, "2": 1}, "the list does not say whether it counts from 0"
    assert "classes.txt is not used for the numbers: it lists 3 names without numbers" in listed.notes[-2]
    assert listed.notes[-1] == IDS_UNCERTAIN
    maps = {"one.json": b'{"1": "cat", "2": "dog"}', "two.json": b'{"1": "dog", "2": "cat"}'}
    differing = open_dataset(make_zip({}, "2.zip", extra={**images, **table, **maps}))
    assert label_counts(differing.samples) == {"1": 1, "2": 1} and "give them different names" in differing.notes[-2]
    assert differing.notes[-1] == IDS_UNCERTAIN
    partly = open_dataset(make_zip({}, "3.zip", extra={**images, **table, "one.json": b'{"1": "cat"}'}))
    assert "it has no name for 2" in partly.notes[-2] and partly.notes[-1] == IDS_UNCERTAIN


def test_a_table_that_is_not_there_where_no_other_is(make_zip: MakeZip) -> None:
    with pytest.raises(DatasetError, match=r"no table three\.csv, nor any other") as caught:
        open_dataset(make_zip({"cat": 1}), Choices(labels="three.csv"))
    assert "leave out" in caught.value.fix and "Choose one" not in caught.value.fix


def test_a_table_of_labels_may_also_name_its_numbers(make_zip: MakeZip) -> None:
    images = {f"{each}.png": encoded(picture(i)) for i, each in enumerate("ab")}
    table = {"classes": ["dog", "cat"], "images": [{"file": "a.png", "label": 1}, {"file": "b.png", "label": 0}]}
    dataset = open_dataset(make_zip({}, extra={**images, "labels.json": json.dumps(table).encode()}))
    assert labelled(dataset) == {"a.png": "cat", "b.png": "dog"}


def test_what_pandas_pickled_leaves_class_folders_alone(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({"cat": 1, "dog": 1}, extra={"labels.pkl": b"\x80\x04"}))
    assert label_counts(dataset.samples) == {"cat": 1, "dog": 1}


@pytest.mark.parametrize(
    "name, content, why",
    [
        ("class_indices.json", '{"cat": 1, "dog": 0, "cat": 0}', "it gives the key 'cat' two values"),
        ("class_indices.json", '{"cat": 0, "dog": 0, "fox": 1}', "it gives one number several names"),
        ("class_indices.json", '{"0": "cat", "1": "cat"}', "it gives several numbers the same name"),
        ("class_indices.json", '{"cat": 1, "dog"', "Expecting ':' delimiter"),
        ("classes.csv", "id,name\n0,cat\n1,dog\n1,cat\n", "it gives one number several names"),
        ("classes.txt", "cat\ncat\n", "it gives several numbers the same name"),
        ("labels.txt", "cat\ndog\na very wild fox\n", "it lists 3 names without numbers"),
        ("label_map.pbtxt", "item {\n  id: 0\n}\n", "its items have no id and name"),
        ("data.yaml", "names: [cat, dog]\nnames: [dog, cat]\n", "it has the key 'names' twice"),
        ("data.yaml", "names:\n  0: cat\n  1: dog\n  0: fox\n", "it has the key '0' twice"),
        (
            "data.yaml",
            "names: [cat, dog]\ndescription: pets: cats\n",
            "line 2 of its YAML cannot be read (mapping values are not allowed",
        ),
        (
            "pets.yaml",
            "names:\n  0: cat\n  1: dog\n\tnc: 2\n",
            "line 4 of its YAML cannot be read (found a tab character",
        ),
        ("data.yaml", f"names: [cat, dog]\n# {'x' * 50_000}\n", "it is longer than 50 thousand characters"),
        (
            "README.md",
            "---\nlicense: a: b\nclass_label:\n  names: [cat, dog]\n---\n",
            "line 1 of its YAML cannot be read (mapping values are not allowed",
        ),
        (
            "README.md",
            "---\nclass_label:\n  names: [cat, dog]\nclass_label:\n  names: [dog, cat]\n---\n",
            "it has the key 'class_label' twice",
        ),
        ("classes.csv", "cat\n", "it lists 1 name without numbers"),
        ("class_indices.json", '{"cat": 0, "fox": 2}', "it has no name for 1"),
    ],
)
def test_numbers_are_not_guessed_if_the_file_that_names_them_cannot_be_used(
    make_zip: MakeZip, name: str, content: str, why: str
) -> None:
    images = {f"{place}.png": encoded(picture(i)) for i, place in enumerate(("0/a", "1/b", "1/c"))}
    dataset = open_dataset(make_zip({}, extra={**images, name: content.encode()}))
    assert dataset.notes[-1] == IDS_UNCERTAIN
    assert f"{name} is not used for the numbers: {why}" in dataset.notes[-2]
    assert not any("ignored" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "name, content",
    [
        ("settings.json", '{"epochs": 0, "epochs": 1}'), ("class_counts.json", '{"cat": 500, "dog": 500}'),
        ("class_weights.json", '{"0": 1, "1": 1, "2": 2}'), ("labels.txt", ""),
        ("class_weights.json", '{"cat": 0.5, "dog": {}}'), ("labels.txt", "The images were labelled by hand."),
        ("labels_of_all.txt", "0.png 1\n0.png 1\n0.png 0"), ("class_per_row.txt", "0\n0\n1\n"),
        ("classes.csv", "class,images\ncat,3\ndog,3\n"), ("label_settings.yaml", "seed: 0\nseed: 1\n"),
        ("data.yaml", "seed: 0\nseed: 1\n"), ("settings.yaml", "seed: 0: 1\n"),
    ],
)  # fmt: skip
def test_what_names_no_numbers_leaves_no_doubt_about_them(make_zip: MakeZip, name: str, content: str) -> None:
    dataset = open_dataset(make_zip({"0": 1, "1": 2}, extra={name: content.encode()}))
    assert IDS_UNCERTAIN not in dataset.notes


def test_a_label_map_of_object_detection_names_numbers(make_zip: MakeZip) -> None:
    items = "item { id: 1 name: '/m/01' display_name: 'cat' }\nitem {\n  name: \"dog\"\n  id: 2\n}\n"
    dataset = open_dataset(make_zip({"1": 1, "2": 2}, extra={"label_map.pbtxt": items.encode()}))
    assert label_counts(dataset.samples) == {"cat": 1, "dog": 2}
    assert len(dataset.samples) == 3


def test_numbered_folders_are_named_too(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({"0": 1, "1": 2}, extra={"class_indices.json": b'{"cat": 0, "dog": 1}'}))
    assert label_counts(dataset.samples) == {"cat": 1, "dog": 2}


@pytest.mark.parametrize(
    "content",
    [
        '{"0": "cat", "1": "cat"}', '{"0": "", "1": "b"}', "{}", '{"0": 1, "1": 0}', '{"a": true, "b": false}', "3",
        '{"0/0.png": 0, "1/0.png": 1}',
    ],
)  # fmt: skip
def test_what_is_no_map_of_classes(make_zip: MakeZip, content: str) -> None:
    dataset = open_dataset(make_zip({"0": 1, "1": 1}, extra={"classes.json": content.encode()}))
    assert label_counts(dataset.samples) == {"0": 1, "1": 1}


def test_a_table_of_labels_does_not_name_its_own_numbers(make_zip: MakeZip) -> None:
    """Each number has one image, so the table could also say that the images are classes."""
    images = {f"{name}.png": encoded(picture(i)) for i, name in enumerate("ab")}
    dataset = open_dataset(make_zip({}, extra={**images, "labels.csv": b"file,label\na,0\nb,1\n"}))
    assert label_counts(dataset.samples) == {"0": 1, "1": 1}


@pytest.mark.parametrize(
    "name, content, used",
    [
        ("labels.txt", "Photos of pets\ntaken in 2021\nby our students\n", False),  # 3 lines, 2 classes
        ("labels.txt", "The folder 0 has the cats.\nThe folder 1 has the dogs.\n", False),
        ("labels.txt", "cat\n", False),
        ("labels.txt", "cat 0\ndog 1\n", True),
        ("labels.txt", "0=cat\n1=dog\n2=frog\n", True),  # no image shows a frog
        ("classes.names", "cat\ndog\n", True),
        ("classes.csv", "id,name\n1,dog\n0,cat\n", True),
        ("classes.csv", "breed,class\ntabby,cat\npoodle,dog\n", False),
        ("config.json", '{"id2label": {"0": "cat", "1": "dog"}}', True),
        ("classes.csv", "cat\ndog\n", True),
        ("data.yaml", "path: &p ../pets\ntrain: *p\nnames: [cat, dog]\n", True),
        ("data.yaml", "download: !!python/name:os.system\nnames: [cat, dog]\n", True),
        ("data.yaml", "path: a\npath: b\nnames: [cat, dog]\n", True),
        ("data.yaml", "names: {0: cat, 1: dog, 1: dog}\nnames: {0: cat, 1: dog}\n", True),
        ("README.md", "---\nlicense: mit\nlicense: cc0\nclass_label:\n  names: [cat, dog]\n---\n", True),
    ],
)
def test_forms_of_names_beside_numbered_folders(make_zip: MakeZip, name: str, content: str, used: bool) -> None:
    """The same forms as the class names of a model, see tests/core/labels/test_class_names.py."""
    for encoding in ("utf-8", "utf-16"):
        extra = {name: content.encode(encoding)}
        dataset = open_dataset(make_zip({"0": 1, "1": 2}, f"{encoding}.zip", extra=extra))
        assert label_counts(dataset.samples) == ({"cat": 1, "dog": 2} if used else {"0": 1, "1": 2})


def test_a_list_names_numbers_from_1_if_they_are_exactly_1_to_k(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({"1": 1, "2": 2}, extra={"classes.txt": b"cat\ndog\n"}))
    assert label_counts(dataset.samples) == {"cat": 1, "dog": 2}


def test_a_competition_from_the_field(shared_dir: Path) -> None:
    path = shared_dir / "cases" / "data" / "kaggle_two_csv"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    dataset = open_dataset(path)
    assert len(dataset.samples) == 20 and set(dataset.samples.labels) <= {
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    }  # fmt: skip


@pytest.mark.parametrize("against", [0, 2])
def test_a_table_that_contradicts_the_class_folders_says_so(make_zip: MakeZip, against: int) -> None:
    places = [f"{name}/{i}.png" for name in ("cat", "dog") for i in range(4)]
    rows = [f"{place},{'dog' if i < against else place[:3]}" for i, place in enumerate(places)]
    table = "\n".join(["file,label", *rows]).encode()
    images = {place: encoded(picture(i)) for i, place in enumerate(places)}
    dataset = open_dataset(make_zip({}, extra={**images, "labels.csv": table}), Choices(labels="labels.csv"))
    note = "The table gives 2 of 8 images another label than their folder."
    assert (note in dataset.notes) is bool(against)


def test_folders_that_are_no_labels_are_not_contradicted(make_zip: MakeZip) -> None:
    images = {f"{folder}/{i}.png": encoded(picture(i)) for i, folder in enumerate(("left", "right", "left"))}
    table = b"file,label\nleft/0.png,cat\nright/1.png,dog\nleft/2.png,dog\n"
    dataset = open_dataset(make_zip({}, extra={**images, "labels.csv": table}))
    assert "another label" not in " ".join(dataset.notes)


def test_the_names_of_a_million_images_are_not_listed_for_each_file_that_may_name_classes() -> None:
    class Names(list[str]):
        listed = 0

        def __iter__(self) -> Iterator[str]:
            self.listed += 1
            return super().__iter__()

    class Source:
        names = Names([*(f"0/{i}.png" for i in range(9)), *(f"classes_{i}.json" for i in range(9))])
        fingerprint = ""

        def read(self, position: int, limit: int) -> bytes:
            return b'{"0": "cat", "1": "dog"}'

    assert len(find_class_maps(Source(), range(9, 18))) == 9 and Source.names.listed == 1


@pytest.mark.parametrize("table", ["train.csv", "train_folds.csv"])
def test_a_table_for_one_split_can_be_chosen_as_the_question_says(make_zip: MakeZip, table: str) -> None:
    path = competition(make_zip, {"train.csv": TRAIN, "train_folds.csv": TRAIN})
    with pytest.raises(UndecidedError) as asked:
        open_dataset(path)
    assert table in [answer.value for answer in asked.value.question.answers]
    chosen = open_dataset(path, Choices(labels=table))
    assert labelled(chosen) == {"train/a.png": "0", "train/b.png": "1", "train/c.png": "0"}
    assert "Only the split train is used, since no other has labels" in chosen.notes[0]
    pooled = open_dataset(path, Choices(labels=table, split="all"))
    assert labelled(pooled) == {**labelled(chosen), "test/x.png": None, "test/y.png": None}
    with pytest.raises(DatasetError, match="names none of the 2 images"):
        open_dataset(path, Choices(labels=table, split="test"))


NUMBERED = {f"{place}.png": encoded(picture(i)) for i, place in enumerate(("train/1", "train/2", "test/1", "test/3"))}
OF_TRAIN = {"train/1.png": "cat", "train/2.png": "dog"}


def test_a_table_called_like_a_split_is_for_that_one_if_names_repeat_in_another(make_zip: MakeZip) -> None:
    """As CIFAR-10 on Kaggle: each split has its own 1.png."""
    path = make_zip({}, extra={**NUMBERED, "trainLabels.csv": b"id,label\n1,cat\n2,dog\n3,frog\n"})
    for split in ("", "train"):
        assert labelled(open_dataset(path, Choices(split=split))) == OF_TRAIN
    tested = open_dataset(path, Choices(split="test"))
    assert labelled(tested) == {"test/1.png": None, "test/3.png": None}
    assert tested.notes[-1] == "trainLabels.csv is not used for the split test: it is called like train."
    pooled = labelled(open_dataset(path, Choices(split="all")))
    assert pooled["train/1.png"] == "cat" and pooled["test/1.png"] is None is pooled["test/3.png"]


def test_each_split_with_a_table_that_is_called_like_it(make_zip: MakeZip) -> None:
    of_test = {"test/1.png": "ship", "test/3.png": "frog"}
    both = {"train.csv": b"id,label\n1,cat\n2,dog\n", "test.csv": b"id,label\n1,ship\n3,frog\n"}
    path = make_zip({}, extra={**NUMBERED, **both})
    for split, labels in (("", of_test), ("train", OF_TRAIN), ("all", OF_TRAIN | of_test)):
        assert labelled(open_dataset(path, Choices(split=split))) == labels


def test_a_table_whose_names_fit_two_splits_is_read_for_the_chosen_one(make_zip: MakeZip) -> None:
    path = make_zip({}, extra={**NUMBERED, "labels.csv": b"id,label\n1,cat\n2,dog\n"})
    with pytest.raises(DatasetError, match="its first row is for '1', and 2 images are called so") as refused:
        open_dataset(path)
    assert refused.value.fix.endswith("choose this with --split.")
    assert labelled(open_dataset(path, Choices(split="train"))) == OF_TRAIN


@pytest.mark.parametrize("column", ["ClassId", "ClassID", "ClassName", "LabelId", "labelId", "trueLabel"])
def test_a_column_in_humps_is_known(make_zip: MakeZip, column: str) -> None:
    images = {f"{name}.png": encoded(picture(i)) for i, name in enumerate("ab")}
    table = f"Width,{column},ImagePath\n3,cat,a.png\n4,dog,b.png\n"
    dataset = open_dataset(make_zip({}, extra={**images, "truth.csv": table.encode()}))
    assert labelled(dataset) == {"a.png": "cat", "b.png": "dog"}


def test_a_table_that_names_images_and_lacks_a_column_of_labels_says_what_to_do(make_zip: MakeZip) -> None:
    images = {f"site_{i}/{name}.png": encoded(picture(i)) for i, name in enumerate("ab")}
    table = b"lesion,image_id,dx,age\nx,a,cat,30\ny,b,dog,40\n"
    told = open_dataset(make_zip({}, extra={**images, "truth.csv": table})).notes
    assert "truth.csv cannot be used as a labels file: it is not certain which of its columns holds" in told[0]
    assert told[0].endswith("Call the column of the labels `label`.")
    followed = make_zip({}, "followed.zip", extra={**images, "truth.csv": table.replace(b"dx", b"label")})
    with pytest.raises(UndecidedError, match=r"truth\.csv"):
        open_dataset(followed)
    assert labelled(open_dataset(followed, Choices(labels="truth.csv"))) == {
        "site_0/a.png": "cat",
        "site_1/b.png": "dog",
    }


def test_tables_that_are_called_like_splits_are_splits(make_zip: MakeZip) -> None:
    images = {f"images/{name}.png": encoded(picture(i)) for i, name in enumerate("abc")}
    tables = {"train.csv": b"image,label,age\na,cat,3\nb,dog,4\n", "test.csv": b"image,label,size\nc,frog,9\n"}
    path = make_zip({}, extra={**images, **tables})
    of_train = {"images/a.png": "cat", "images/b.png": "dog"}
    for split, found in (("train", of_train), ("test", {"images/c.png": "frog"}), ("", {"images/c.png": "frog"})):
        assert labelled(open_dataset(path, Choices(split=split))) == found
    note, *_ = open_dataset(path).notes
    assert note.endswith("(test: 1 image in test.csv; train: 2 images in train.csv).") and "test is used, as is" in note
    pooled = open_dataset(path, Choices(split="all"))
    assert labelled(pooled) == {**of_train, "images/c.png": "frog"}
    columns = pooled.attributes()
    assert columns and columns.columns.to_pydict() == {"size": [None, None, 9], "age": [3, 4, None]}
    with pytest.raises(DatasetError, match="has no split 'val'"):
        open_dataset(path, Choices(split="val"))


@pytest.mark.parametrize(
    ("unlabelled", "reason"),
    [
        (b"image\nd\n", "it has no column of labels (it has only 'image')"),
        (b"image,label\nd,\ne,\n", "gives no image a label"),
    ],
)
def test_a_table_of_a_split_without_labels_is_told_with_the_splits_that_have_some(
    make_zip: MakeZip, unlabelled: bytes, reason: str
) -> None:
    images = {f"images/{name}.png": encoded(picture(i)) for i, name in enumerate("abcde")}
    tables = {"train.csv": b"image,label\na,cat\nb,dog\n", "test.csv": unlabelled}
    of_train = {"images/a.png": "cat", "images/b.png": "dog"}
    for val, answers in (({}, ["train", "all"]), ({"val.csv": b"image,label\nc,cat\n"}, ["val", "train", "all"])):
        path = make_zip({}, extra={**images, **tables, **val})
        with pytest.raises(DatasetError, match=r"has no labels for the split 'test'\. test\.csv") as refused:
            open_dataset(path, Choices(split="test"))
        assert reason in refused.value.message and "has no splits" not in str(refused.value)
        assert [line.split()[1] for line in refused.value.fix.splitlines()[1:]] == answers
        for split in answers:
            found = labelled(open_dataset(path, Choices(split=split)))
            assert (of_train.items() <= found.items()) is (split != "val") and found["images/d.png"] is None
    assert of_train.items() <= labelled(open_dataset(make_zip({}, extra={**images, **tables}))).items()


BY_SPLIT = {"train.csv": "image,dx\na,cat\nb,dog\n", "val.csv": "image,dx\nc,dog\nd,cat\n"}


@pytest.mark.parametrize("folder", ["", "csv/"])
@pytest.mark.parametrize("column", ["label", "dx"])
def test_tables_of_splits_without_test_are_asked_about_as_folders_are(
    make_zip: MakeZip, folder: str, column: str
) -> None:
    images = {f"images/{name}.png": encoded(picture(i)) for i, name in enumerate("abcd")}
    tables = {folder + name: text.replace("dx", column).encode() for name, text in BY_SPLIT.items()}
    path = make_zip({}, extra={**images, **tables})
    with pytest.raises(UndecidedError) as asked:
        open_dataset(path)
    question = asked.value.question
    assert question.topic == "split" and [answer.value for answer in question.answers] == ["val", "train", "all"]
    assert question.answers[0].meaning == f"2 images in {folder}val.csv"
    assert labelled(open_dataset(path, Choices(split="val"))) == {"images/c.png": "dog", "images/d.png": "cat"}
    assert len(labelled(open_dataset(path, Choices(split="all", label_column=column)))) == 4
    none = open_dataset(path, Choices(labels=f"{folder}val.csv"))
    assert list(labelled(none).values()) == [None, None, "dog", "cat"]


def test_tables_of_splits_beside_class_folders(make_zip: MakeZip) -> None:
    """They say the same as the folders, and which images are for testing."""
    names = ["cat/a", "cat/b", "dog/c", "dog/d"]
    images = {f"{name}.png": encoded(picture(i)) for i, name in enumerate(names)}
    train, test = b"path,class\ncat/a.png,cat\ndog/c.png,dog\n", b"path,class\ncat/b.png,cat\ndog/d.png,dog\n"
    path = make_zip({}, extra={**images, "train.csv": train, "test.csv": test})
    assert labelled(open_dataset(path)) == {"cat/b.png": "cat", "dog/d.png": "dog"}
    assert len(labelled(open_dataset(path, Choices(split="all")))) == 4
    assert len(labelled(open_dataset(path, Choices(labels="folders")))) == 4
    other = open_dataset(
        make_zip({}, "other.zip", extra={**images, "train.csv": train, "test.csv": test.replace(b",dog", b",pug")})
    )
    assert len(labelled(other)) == 4 and any("train.csv, test.csv may list the images" in note for note in other.notes)


def test_lists_of_splits_that_are_not_read_are_told(make_zip: MakeZip) -> None:
    images = {f"{name}.png": encoded(picture(i)) for i, name in enumerate("ab")}
    lists = {"train.csv": b"image\na\n", "test.csv": b"image\nb\n", "labels.csv": b"image,label\na,cat\nb,dog\n"}
    dataset = open_dataset(make_zip({}, extra={**images, **lists}))
    assert labelled(dataset) == {"a.png": "cat", "b.png": "dog"}
    assert any("train.csv, test.csv may list the images for training or testing" in note for note in dataset.notes)
