"""Layouts that people make by habit, in which a guess would give wrong labels without a word."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.labels_option import labels_choice
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.questions import UndecidedError
from tests.conftest import MakeZip, encoded, picture


def images(*names: str) -> dict[str, bytes]:
    return {name: encoded(picture(i)) for i, name in enumerate(names)}


def labels(dataset: Dataset) -> dict[str, str | None]:
    return {sample.name: sample.label for sample in dataset.samples}


@pytest.mark.parametrize(
    "masks, others",
    [
        (["masks/cat/1.png", "masks/dog/2.png"], ["images/cat/1.png", "images/dog/2.png"]),
        (["labels/cat/1.png"], ["images/cat/1.jpg", "images/dog/2.jpg"]),
        (["annotations/cat/1.png", "annotations/dog/2.png"], ["cat/1.jpg", "dog/2.jpg"]),
        (["cat/ground_truth/1.png", "dog/ground_truth/2.png"], ["cat/1.jpg", "dog/2.jpg"]),
        (["train_masks/cat/1_mask.gif"], ["train/cat/1.jpg", "train/dog/2.jpg"]),
        (["SegmentationClass/1.png"], ["JPEGImages/1.jpg", "JPEGImages/2.jpg"]),
        (["cat/benign (1)_mask.png", "cat/benign (1)_mask_1.png"], ["cat/benign (1).png", "dog/2.png"]),
        (["ISIC_1_segmentation.png"], ["ISIC_1.jpg"]),
    ],
)
def test_masks_are_not_evaluated_and_that_is_said(make_zip: MakeZip, masks: list[str], others: list[str]) -> None:
    files = images(*masks, *others)
    dataset = open_dataset(make_zip({}, extra=files))
    assert set(labels(dataset)) == set(others)
    assert f"{len(masks)} file" in dataset.notes[0] and masks[0] in dataset.notes[0]
    for sample in dataset.samples:
        assert np.array_equal(dataset.image(sample.index), picture(list(files).index(sample.name)))
    without = open_dataset(make_zip({}, "others.zip", extra=images(*others)))
    assert dataset.fingerprint != without.fingerprint


@pytest.mark.parametrize(
    "names",
    [
        ["mask/1.png", "no_mask/1.png", "mask/2.png", "no mask/2.png"],
        ["with_mask/1.png", "without_mask/1.png"],
        ["face mask/1.png", "face/1.png", "ground beetle/1.png", "beetle/1.png"],
        ["masks/cat/1.png", "masks/dog/2.png"],
        ["images/1.png", "images/2.png", "images/3.png", "labels/1.png", "labels/8.png", "labels/9.png"],
        ["cat/mask.png", "cat/1_mask.png"],
    ],
)
def test_what_may_be_a_class_is_no_mask(make_zip: MakeZip, names: list[str]) -> None:
    dataset = open_dataset(make_zip({}, extra=images(*names)))
    assert labels(dataset) == {name: name.split("/")[-2] for name in names} and not dataset.notes


KAGGLE = ["train/cat.0.jpg", "train/cat.1.jpg", "train/dog.0.jpg", "train/dog.1.jpg"]


def test_labels_in_file_names_are_asked_about(make_zip: MakeZip, tmp_path: Path) -> None:
    path = make_zip({}, extra=images(*KAGGLE))
    dataset = open_dataset(path)
    assert set(labels(dataset).values()) == {"train"}
    [question] = dataset.questions
    assert (question.topic, question.chosen, question.certain) == ("labels", "folders", False)
    assert [(answer.value, answer.meaning) for answer in question.answers] == [
        ("file-names", "the beginnings of the file names: cat (2 images), dog (2 images)"),
        ("folders", "the name of the folder, train"),
    ]
    assert dataset.notes == (
        "The file names may be labels, but are not used as such: cat (2 images), dog (2 images). "
        "To use them, choose `file-names` as the labels.",
    )
    chosen = open_dataset(describe(path, Choices(labels=labels_choice(path, "file-names")), tmp_path))
    assert labels(chosen) == {name: name[6:9] for name in KAGGLE}
    assert chosen.questions[0].chosen == "file-names" and chosen.questions[0].certain
    assert chosen.fingerprint != dataset.fingerprint
    by_folder = open_dataset(path, Choices(labels="folders"))
    assert set(labels(by_folder).values()) == {"train"} and by_folder.notes == () and by_folder.questions[0].certain


@pytest.mark.parametrize(
    "names, found",
    [
        (["Abyssinian_100", "great_pyrenees_1", "great_pyrenees_12", "Abyssinian_1"], "Abyssinian great_pyrenees"),
        (["cat (1)", "cat (2)", "dog 1", "dog12"], "cat dog"),
    ],
)
def test_ways_to_write_a_label_in_a_name(make_zip: MakeZip, names: Sequence[str], found: str) -> None:
    path = make_zip({}, extra=images(*(f"{name}.png" for name in names)))
    assert not {*labels(open_dataset(path)).values()} - {None}, "a label in a name is never used without a word"
    assert {*labels(open_dataset(path, Choices(labels="file-names"))).values()} == set(found.split())


@pytest.mark.parametrize("names", [["IMG_1", "IMG_2"], ["a1", "b2", "c3"], ["cat1", "cat2", "dog1", "dog"]])
def test_other_names_hold_no_labels(make_zip: MakeZip, names: Sequence[str]) -> None:
    path = make_zip({}, extra=images(*(f"{name}.png" for name in names)))
    assert open_dataset(path).questions == ()
    with pytest.raises(DatasetError, match="do not all begin with a label") as caught:
        open_dataset(path, Choices(labels="file-names"))
    assert caught.value.code == "choice"


def test_labels_in_file_names_of_one_split_or_in_several_folders(make_zip: MakeZip) -> None:
    files = {**images(*KAGGLE, "test1/1.jpg", "test1/2.jpg"), "sampleSubmission.csv": b"id,label\n1,0.5\n2,0.5\n"}
    path = make_zip({}, extra=files)
    with pytest.raises(UndecidedError, match="the file names in train may be labels") as asked:
        open_dataset(path)
    assert [answer.value for answer in asked.value.question.answers] == ["file-names", "folders"]
    by_folders = open_dataset(path, Choices(labels="folders"))
    assert labels(by_folders) == {"test1/1.jpg": None, "test1/2.jpg": None}
    dataset = open_dataset(path, Choices(labels="file-names"))
    assert labels(dataset) == {name: name[6:9] for name in KAGGLE}
    with pytest.raises(DatasetError, match="do not all begin with a label") as refused:
        open_dataset(path, Choices(labels="file-names", split="all"))
    assert refused.value.fix == "Choose --split train, or leave out --labels file-names."
    assert labels(open_dataset(path, Choices(labels="file-names", split="train"))) == labels(dataset)
    names = ["a/cat1.png", "b/dog2.png", "a/dog3.png", "b/cat4.png"]
    path = make_zip({}, "folders.zip", extra=images(*names))
    assert open_dataset(path).questions == ()
    assert labels(open_dataset(path, Choices(labels="file-names"))) == {name: name[2:5] for name in names}


def tar(path: Path, files: Mapping[str, str | bytes]) -> Dataset:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return open_dataset(path)


@pytest.mark.parametrize(
    "suffix, contents, expected",
    [
        ("txt", ["cat", "dog\n", "\ufeffcat"], ["cat", "dog", "cat"]),
        ("txt", ["3", "5", "3\r\n"], ["3", "5", "3"]),
        ("json", ['{"label": "cat", "width": 3}', '{"label": "dog"}', '{"label": "cat"}'], ["cat", "dog", "cat"]),
        ("json", ["3", '{"cls": 5}', '"3"'], ["3", "5", "3"]),
    ],
)
def test_small_files_beside_images_are_read_if_each_holds_one_class(
    tmp_path: Path, suffix: str, contents: list[str], expected: list[str]
) -> None:
    for folder in ("", "shard-0/"):
        files = images(*(f"{folder}{i}.png" for i in range(3)))
        texts = {f"{folder}{i}.{suffix}": content for i, content in enumerate(contents)}
        dataset = tar(tmp_path / "x.tar", {**files, **texts})
        assert list(labels(dataset).values()) == expected
        assert dataset.notes == (f"Labels are taken from the .{suffix} files.",)


@pytest.mark.parametrize(
    "picture_at, label_at",
    [
        ("images/{}.png", "labels/{}.txt"),
        ("test/images/{}.png", "test/labels/{}.txt"),
        ("part_{}/{}.png", "part_{}/{}.txt"),
    ],
)
def test_classes_in_a_folder_of_labels_are_read(tmp_path: Path, picture_at: str, label_at: str) -> None:
    classes = [i % 2 for i in range(6)]
    places = [(i,) if picture_at.count("{}") == 1 else (i % 2, i) for i in range(6)]
    files = images(*(picture_at.format(*place) for place in places))
    told = {label_at.format(*place): f"{each}\n" for place, each in zip(places, classes, strict=True)}
    dataset = tar(tmp_path / "x.tar", files | told | {"data.yaml": "names: [cat, dog]"})
    expected = {picture_at.format(*place): ("cat", "dog")[each] for place, each in zip(places, classes, strict=True)}
    assert labels(dataset) == expected and "Labels are taken from the .txt files." in dataset.notes


def test_texts_in_another_folder_that_is_not_called_for_labels_are_not_read(tmp_path: Path) -> None:
    files = images(*(f"images/{i}.png" for i in range(4)))
    dataset = tar(tmp_path / "x.tar", files | {f"captions/{i}.txt": "cat" for i in range(4)})
    assert "cat" not in labels(dataset).values()


@pytest.mark.parametrize("label_at", ["{}/{}.txt", "{}/labels/{}.txt", "labels/{}/{}.txt"])
@pytest.mark.parametrize(
    "text, told",
    [("1\n", "one word or number in each, perhaps the class"), ("1 0.5 0.5 0.2 0.2\n", "boxes or outlines")],
)
def test_texts_of_images_in_several_folders_are_told(tmp_path: Path, label_at: str, text: str, told: str) -> None:
    files = images(*(f"{place}/{i}.png" for place in ("yard", "street") for i in range(3)))
    texts = {label_at.format(place, i): text for place in ("yard", "street") for i in range(3)}
    dataset = tar(tmp_path / "x.tar", files | texts)
    assert set(labels(dataset).values()) == {"yard", "street"}
    [note] = [note for note in dataset.notes if told in note]
    assert note.startswith(f"{label_at.format('yard', 0)} and 5 other files: ") and "write a table labels.csv" in note
    followed = tar(
        tmp_path / "followed.tar", files | texts | {"labels.csv": "file,label\n" + "".join(f"{f},cat\n" for f in files)}
    )
    assert set(labels(followed).values()) == {"cat"} and not any(told in note for note in followed.notes)


@pytest.mark.parametrize(
    "suffix, contents, why",
    [
        ("txt", ["0 0.5 0.5 0.2", "1 0.5 0.5 0.1", "0 0.1 0.1 0.1"], "0.txt does not hold the name"),
        ("txt", ["a cat\non a mat", "cat", "cat"], "0.txt does not hold the name"),
        ("txt", ["a cat", "a dog", "my cat"], "no two of them hold the same class"),
        ("json", ['{"caption": "cat"}', '{"caption": "cat"}', '{"caption": "cat"}'], "0.json does not hold the name"),
        (
            "json",
            ['{"label": ["cat", "dog"]}', '{"label": "cat"}', '{"label": "cat"}'],
            "0.json does not hold the name",
        ),
        (
            "json",
            ['{"class": "a"}', '{"class": "b"}', '{"imagePath": "2.png", "shapes": [{"label": "c"}]}'],
            "no two of them hold the same class",
        ),
    ],
)
def test_what_small_files_hold_otherwise_is_no_label(
    tmp_path: Path, suffix: str, contents: list[str], why: str
) -> None:
    texts = {f"{i}.{suffix}": content for i, content in enumerate(contents)}
    dataset = tar(tmp_path / "x.tar", {**images("0.png", "1.png", "2.png"), **texts})
    assert labels(dataset) == {"0.png": None, "1.png": None, "2.png": None}
    assert any(f"The .{suffix} files of the images are not read as labels: {why}" in note for note in dataset.notes)


def labelme(shapes: list[str], **flags: bool) -> bytes:
    """What LabelMe writes for an image."""
    drawn = [{"label": label, "points": [[1.5, 2.0], [3.0, 4.5]], "shape_type": "rectangle"} for label in shapes]
    content = {"version": "5.5.0", "flags": flags, "shapes": drawn, "imagePath": "a.png", "imageData": "iVBOR" * 50_000}
    return json.dumps(content).encode()


def test_annotations_of_labelme_are_read_where_they_agree_on_one_class(tmp_path: Path) -> None:
    annotations = [
        labelme(["cat", "cat"]), labelme(["dog"]), labelme(["cat", "dog"]), labelme([], cat=False, fox=True),
        labelme([], cat=True, fox=True), labelme([]),
    ]  # fmt: skip
    files = images(*(f"{i}.png" for i in range(6))) | {f"{i}.json": data for i, data in enumerate(annotations)}
    dataset = tar(tmp_path / "x.tar", files)
    assert list(labels(dataset).values()) == ["cat", "dog", None, "fox", None, None]
    assert dataset.notes[0] == "Labels are taken from the .json files."
    for i, both in ((2, "cat, dog"), (4, "cat, fox")):
        with pytest.raises(ImageError, match=rf"{i}\.json gives this image several labels: {both}"):
            dataset.image(i)
    two = tar(tmp_path / "two.tar", {name: files[name] for name in ("0.png", "1.png", "0.json", "1.json")})
    assert list(labels(two).values()) == ["cat", "dog"]


def test_annotations_of_labelme_for_few_images_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="LabelMe's annotation of one image") as refused:
        tar(tmp_path / "x.tar", {**images("0.png", "1.png", "2.png"), "0.json": labelme(["cat"])})
    assert "Annotate the other images too" in refused.value.fix


@pytest.mark.parametrize(
    "pictures, annotations",
    [
        ("images/{}.png", "annotations/{}.json"),
        ("{}.png", "ann/{}.json"),
        ("data/img/{}.png", "data/labelme/v2/{}.json"),
    ],
)
@pytest.mark.parametrize("count", [6, 60])
def test_annotations_of_labelme_in_a_folder_of_their_own(
    tmp_path: Path, pictures: str, annotations: str, count: int
) -> None:
    classes = [("cat", "dog")[i % 2] for i in range(count)]
    files = images(*(pictures.format(i) for i in range(count)))
    told = {annotations.format(i): labelme([label]) for i, label in enumerate(classes)}
    dataset = tar(tmp_path / "x.tar", files | told)
    assert labels(dataset) == {pictures.format(i): label for i, label in enumerate(classes)}
    assert dataset.notes == ("Labels are taken from the .json files.",)


def test_annotations_of_labelme_of_splits_are_those_of_the_same_folder(tmp_path: Path) -> None:
    files = images(*(f"images/{split}/{i}.png" for split in ("train", "test") for i in range(3)))
    told = {
        f"annotations/{split}/{i}.json": labelme([label])
        for split, label in (("train", "dog"), ("test", "cat")) for i in range(3)
    }  # fmt: skip
    assert labels(tar(tmp_path / "x.tar", files | told)) == {f"images/test/{i}.png": "cat" for i in range(3)}
    of_any = {f"json/{i}.json": labelme(["cat"]) for i in range(3)}
    assert "cat" not in labels(tar(tmp_path / "y.tar", files | of_any)).values()


def test_other_json_of_each_image_in_a_folder_of_its_own_is_not_read(tmp_path: Path) -> None:
    pictures = images(*(f"images/{i}.png" for i in range(4)))
    told = {f"annotations/{i}.json": b'{"label": "cat"}' for i in range(4)}
    dataset = tar(tmp_path / "x.tar", pictures | told)
    assert "cat" not in labels(dataset).values()
    assert "The .json files of the images are not read as labels: not all of them are LabelMe's." in dataset.notes


def test_annotations_of_labelme_for_some_images_are_told_once(tmp_path: Path) -> None:
    pictures = images(*(f"images/{i}.png" for i in range(12)))
    dataset = tar(tmp_path / "x.tar", pictures | {f"annotations/{i}.json": labelme(["cat"]) for i in range(6)})
    [note] = [note for note in dataset.notes if "LabelMe" in note]
    assert "such files are read only if nearly all" in note and note.endswith("The same goes for 5 other files.")


def test_annotations_of_createml_are_refused_by_name(tmp_path: Path) -> None:
    annotations = b'[{"image": "0.png", "annotations": [{"label": "cat", "coordinates": {}}]}]'
    with pytest.raises(DatasetError, match="it holds annotations in the format of CreateML, which is not read"):
        tar(tmp_path / "x.tar", {**images("0.png", "1.png"), "_annotations.createml.json": annotations})


@pytest.mark.parametrize(
    "name, data, told",
    [
        ("{}.json", labelme(["cat"]), "annotations by LabelMe. They are read only if 90% of the images have one"),
        ("{}.xml", b"<annotation><object/></annotation>", "annotations in the format of Pascal VOC, which is not read"),
        ("xml/{}.xml", b"<?xml?>\n<annotations><image/></annotations>", "annotations in the format of CVAT for images"),
        ("{}.xml", b"<playlist/>", ""),
        (
            "lists/{}.txt",
            b"0.png 3\nimages/1.png 5\n",
            "lines that begin with an image, so perhaps a list of its labels",
        ),
        ("lists/{}.txt", b"0.png\n1.png\n", ""),
        ("lists/{}.txt", b"a photo\n1.png 5\n", ""),
    ],
)
def test_annotations_that_are_not_read_are_told(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    files = images(*(f"{i}.png" for i in range(4))) | {name.format(i): data for i in range(3)}
    notes = [note for note in tar(tmp_path / "x.tar", files).notes if "annotations" in note or " begin with " in note]
    assert len(notes) == bool(told)
    assert not told or (notes[0].startswith(f"{name.format(0)} and 2 other files: {told}"))


BOX, OUTLINE = b"7 0.5 0.5 0.8 0.8\n", b"1 0.1 0.1 0.9 0.1 0.5 1.0\n0 0 0 1 0 0.5 1\n"


@pytest.mark.parametrize(
    "picture_at, label_at",
    [
        ("images/{}.png", "labels/{}.txt"),
        ("images/train2017/{}.png", "labels/train2017/{}.txt"),
        ("obj_train_data/{}.png", "obj_train_data/{}.txt"),
        ("test/images/{}.png", "test/labels/{}.txt"),
        ("images/test/{}.png", "labels/test/{}.txt"),
    ],
)
@pytest.mark.parametrize("stem", ["{}", "DSC_20{}"])
def test_boxes_of_yolo_are_told(tmp_path: Path, picture_at: str, label_at: str, stem: str) -> None:
    stems = [stem.format(i) for i in range(8)]
    texts = [b"", BOX, OUTLINE, BOX + BOX, *[b"0 0.5 0.5 1 1 0.93"] * 3, b"2 " + b"0.123456 " * 2000]
    files = images(*map(picture_at.format, stems))
    files |= {label_at.format(each): text for each, text in zip(stems, texts, strict=True)}
    others = images(picture_at.format(0).replace("test", "train"))  # another split, where the pictures have one
    dataset = tar(
        tmp_path / "x.tar", others | files | {"data.yaml": b"names: [cat, dog]", "classes.txt": b"cat\ndog\n"}
    )
    [note] = [note for note in dataset.notes if "YOLO" in note]
    assert note.startswith(f"{label_at.format(stems[0])} and 7 other files: boxes or outlines of objects in the format")
    assert "put each image into a folder that is called like its class, or write a table labels.csv" in note
    assert not any("perhaps a list" in other or "not read as labels" in other for other in dataset.notes)


@pytest.mark.parametrize(
    "text",
    [
        b"0 0 1 0 0\n",
        b"7 0.5 0.5 0.8\n",
        b"7 120.5 80.0 30.0 40.0\n",
        b"cat 0.5 0.5 0.8 0.8\n",
        b"7 0.5 a cat 0.8\n",
        BOX + b"a caption\n",
        b"\xff\xfe7",
        b"",
    ],
)
def test_other_text_beside_images_is_not_called_boxes(tmp_path: Path, text: bytes) -> None:
    files = images(*(f"images/{i}.png" for i in range(4))) | {f"labels/{i}.txt": text for i in range(4)}
    assert not any("YOLO" in note for note in tar(tmp_path / "x.tar", files).notes)


def test_a_list_of_images_beside_boxes_is_told_too(tmp_path: Path) -> None:
    files = images("images/0.png", "images/1.png") | {"labels/0.txt": BOX, "labels/1.txt": BOX}
    notes = tar(tmp_path / "x.tar", files | {"list.txt": b"0.png 3\n1.png 5\n"}).notes
    assert any(note.startswith("labels/0.txt and 1 other file: boxes") for note in notes)
    assert any(note.startswith("list.txt: lines that begin with an image") for note in notes)


def test_small_files_do_not_replace_class_folders(make_zip: MakeZip) -> None:
    texts = {"cat/1.txt": "dog", "cat/2.txt": "dog", "dog/3.txt": "cat"}
    files = images("cat/1.png", "cat/2.png", "dog/3.png")
    dataset = open_dataset(make_zip({}, extra={**files, **{name: text.encode() for name, text in texts.items()}}))
    assert labels(dataset) == {"cat/1.png": "cat", "cat/2.png": "cat", "dog/3.png": "dog"}


CLASSES = ("cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png")


def test_numbers_in_a_table_are_those_of_the_folders(make_zip: MakeZip) -> None:
    numbers = b"file,label\n1.png,0\n2.png,0\n3.png,1\n4.png,1\n"
    dataset = open_dataset(make_zip({}, extra={**images(*CLASSES), "labels.csv": numbers}))
    assert labels(dataset) == {name: name[:3] for name in CLASSES}
    assert dataset.notes[-1] == (
        "The numbers get the names of the folders, since each has a folder of its own: 0 is cat, 1 is dog."
    )
    mixed = b"file,label\n1.png,0\n2.png,1\n3.png,1\n4.png,1\n"
    dataset = open_dataset(make_zip({}, "mixed.zip", extra={**images(*CLASSES), "labels.csv": mixed}))
    assert list(labels(dataset).values()) == ["0", "1", "1", "1"]


@pytest.mark.parametrize("column", ["split", "data set", "phase"])
def test_a_table_that_repeats_the_folders_tells_the_splits(make_zip: MakeZip, column: str) -> None:
    rows = [f"{name},{name[:3]},{split}" for name, split in zip(CLASSES, ["train", "test"] * 2, strict=True)]
    table = "\n".join([f"file,label,{column}", *rows]).encode()
    dataset = open_dataset(make_zip({}, extra={**images(*CLASSES), "birds.csv": table}))
    assert labels(dataset) == {"cat/2.png": "cat", "dog/4.png": "dog"}
    assert [(each.topic, each.chosen) for each in dataset.questions] == [("split", "test")]


@pytest.mark.parametrize("column", ["ground_truth", "true_class", "y_true"])
def test_a_column_of_true_labels_comes_before_one_called_label(make_zip: MakeZip, column: str) -> None:
    table = f"file,label,{column},score\n1.png,cat,dog,0.9\n2.png,cat,cat,0.8\n".encode()
    dataset = open_dataset(make_zip({}, extra={**images("1.png", "2.png"), "results.csv": table}))
    assert labels(dataset) == {"1.png": "dog", "2.png": "cat"}
    assert f"{column} is used, label is not." in dataset.notes[1]


def test_a_holdout_is_not_pooled_with_the_training_images(make_zip: MakeZip) -> None:
    names = ("train/cat/1.png", "train/dog/1.png", "holdout/cat/2.png", "holdout/dog/2.png")
    dataset = open_dataset(make_zip({}, extra=images(*names)))
    assert labels(dataset) == {"holdout/cat/2.png": "cat", "holdout/dog/2.png": "dog"}


def test_of_two_tables_the_question_says_what_each_leaves_out(make_zip: MakeZip) -> None:
    files = {
        **images(*(f"img/{i}.png" for i in range(5))),
        "site_a.csv": b"file,label\n0.png,cat\n1.png,dog\n2.png,cat\n",
        "site_b.csv": b"file,label\n3.png,cat\n4.png,dog\n",
    }
    path = make_zip({}, extra=files)
    with pytest.raises(UndecidedError) as asked:
        open_dataset(path)
    assert [(each.value, each.meaning) for each in asked.value.question.answers] == [
        ("site_a.csv", "3 rows, of which 3 name an image; 2 images without a label in it"),
        ("site_b.csv", "2 rows, of which 2 name an image; 3 images without a label in it"),
    ]
    dataset = open_dataset(path, Choices(labels="site_b.csv"))
    assert "3 images have no label in site_b.csv, so not compared" in dataset.notes[1]


@pytest.mark.parametrize(
    "rows, message, fix",
    [
        (
            ["C:\\Users\\bob\\data\\cat\\1.png", "C:\\Users\\bob\\data\\dog\\2.png"],
            "its first row is for 'C:\\\\Users\\\\bob\\\\data\\\\cat\\\\1.png', and an image is called 'set1/cat/1.png'.",
            "Both end in cat/1.png: write only this part of each path in the table.",
        ),
        (
            ["1.tif", "2.tif"],
            "its first row is for '1.tif', and an image is called 'set1/cat/1.png'.",
            "Write the file names in the table as they are in the dataset, such as set1/cat/1.png.",
        ),
    ],
)
def test_paths_of_another_computer(make_zip: MakeZip, rows: list[str], message: str, fix: str) -> None:
    names = ("set1/cat/1.png", "set1/dog/2.png")

    def opened(files: Sequence[str], zip_name: str) -> Dataset:
        table = "file,label\n" + "".join(f"{file},{label}\n" for file, label in zip(files, ("a", "b"), strict=True))
        return open_dataset(make_zip({}, zip_name, extra={**images(*names), "labels.csv": table.encode()}))

    with pytest.raises(DatasetError) as caught:
        opened(rows, "x.zip")
    assert message in caught.value.message and caught.value.fix == fix
    shorter = ["cat/1.png", "dog/2.png"] if "Both end" in fix else names
    assert labels(opened(shorter, "shorter.zip")) == {names[0]: "a", names[1]: "b"}, "the way out works"


def test_names_that_several_images_have(make_zip: MakeZip) -> None:
    files = {**images("a/1.png", "b/1.png"), "labels.json": json.dumps({"1.png": "cat"}).encode()}
    with pytest.raises(DatasetError, match=r"its first row is for '1\.png', and 2 images are called so"):
        open_dataset(make_zip({}, extra=files))
