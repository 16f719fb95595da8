"""Labels as labelling tools, clouds, pandas and spreadsheets write them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import Dataset, arrays, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.labels.class_ids import IDS_UNCERTAIN
from tests.conftest import MakeZip, encoded, picture

ALL = {"01.png": "cat", "02.png": "dog", "10.png": "cat"}
NUMBERS = {"cat": 1, "dog": 0}  # not in the order of the alphabet, nor of a model


def lines(records: object) -> str:
    assert isinstance(records, list)
    return "\n".join(map(json.dumps, records))


def opened(make_zip: MakeZip, files: Mapping[str, str | bytes], names: tuple[str, ...] = tuple(ALL)) -> Dataset:
    images = {f"images/{name}": encoded(picture(i)) for i, name in enumerate(names)}
    texts = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
    return open_dataset(make_zip({}, extra={**images, **texts}))


BOMB = (
    "l0: &l0 [a]\n"
    + "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 12))
    + "names: *l11\n"
)


def in_parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def labels(dataset: Dataset) -> dict[str, str | None]:
    return {sample.name.removeprefix("images/"): sample.label for sample in dataset.samples}


CSV = "".join(f"{name},{label}\n" for name, label in ALL.items())


def via(about_image: bool) -> dict[str, object]:
    """Annotations of the VGG Image Annotator."""
    return {
        f"{name}123": {
            "filename": name, "size": 123, "file_attributes": {"class": label} if about_image else {},
            "regions": [] if about_image else [{"shape_attributes": {}, "region_attributes": {"class": label}}] * 2,
        }
        for name, label in ALL.items()
    }  # fmt: skip


STUDIO = [
    {"data": {"image": f"/data/upload/7/0a1b2c3d-{name}"}, "annotations": [{"result": [{"value": {"choices": [label]}}]}]}
    for name, label in ALL.items()
]  # fmt: skip


@pytest.mark.parametrize(
    "name, content",
    [
        ("labels.json", json.dumps({"classes": ["dog", "cat"], "labels": {n[:-4]: NUMBERS[v] for n, v in ALL.items()}})),
        ("labels.json", json.dumps({"classes": None, "labels": {n[:-4]: v for n, v in ALL.items()}})),
        ("labels.json", json.dumps({"classes": ["dog", "cat"], "labels": {n: {"label": NUMBERS[v]} for n, v in ALL.items()}})),
        ("project.json", json.dumps(STUDIO)),
        ("project.json", json.dumps([{"id": 1, "image": f"/data/upload/7/{n}", "choice": v} for n, v in ALL.items()])),
        ("project.csv", "image,id,choice\n" + "".join(f"/data/local-files/?d=images/{n},1,{v}\n" for n, v in ALL.items())),
        ("output.manifest", lines([{"source-ref": f"s3://b/images/{n}", "pet": NUMBERS[v], "pet-metadata": {"class-name": v}} for n, v in ALL.items()])),
        ("import.jsonl", lines([{"imageGcsUri": f"gs://b/images/{n}", "classificationAnnotation": {"displayName": v}} for n, v in ALL.items()])),
        ("import.csv", "".join(f"TEST,gs://b/images/{n},{v}\n" for n, v in ALL.items())),
        ("labels.jsonl", lines([{"image_url": f"Store://a/images/{n}?sig=x/y", "label": v} for n, v in ALL.items()])),
        ("labels.json", json.dumps({"file": dict(enumerate(ALL)), "label": dict(enumerate(ALL.values()))})),
        ("labels.json", json.dumps({n: {"label": v, "camera": "left"} for n, v in ALL.items()})),
        ("labels.json", json.dumps({"columns": ["file", "label"], "index": [0, 1, 2], "data": list(ALL.items())})),
        ("labels.json", json.dumps({"version": 1, "data": [{"file": n, "label": v} for n, v in ALL.items()]})),
        ("labels.json", json.dumps({"cat": ["01.png", "10.png"], "dog": ["images/02.png"]})),
        ("via.json", json.dumps(via(True))),
        ("via.json", json.dumps(via(False))),
        ("via_project.json", json.dumps({"_via_settings": {}, "_via_img_metadata": via(True), "_via_image_id_list": ["a"]})),
        ("labels.csv", "Nr;Datei;Klasse\n" + "".join(f"{i};{n};{v}\n" for i, (n, v) in enumerate(ALL.items()))),
        ("labels.csv", "id;fichier;Cat\u00e9gorie\n" + "".join(f"{i};{n};{v}\n" for i, (n, v) in enumerate(ALL.items()))),
        ("labels.csv", "archivo;c\u00e1mara;etiqueta\n" + "".join(f"{n};a;{v}\n" for n, v in ALL.items())),
        ("labels.csv", "sep=;\r\nfile;label\r\n" + CSV.replace(",", ";")),
        ("labels.csv", "id,label\n" + "".join(f"{int(n[:-4])},{v}\n" for n, v in ALL.items())),
        ("labels.csv", "id,url,label\n" + "".join(f"{n[:-4]},https://example.org/x{n},{v}\n" for n, v in ALL.items())),
        ("labels.csv", "url,label\n" + "".join(f"https://example.org/images/{n}?size=200,{v}\n" for n, v in ALL.items())),
        ("labels.csv", "url,label\n" + "".join(f"https://example.org/images/{n}#top,{v}\n" for n, v in ALL.items())),
        ("labels.csv", "url,label\n" + "".join(f"https://example.org/{n}?v=2,{v}\n" for n, v in ALL.items())),
        ("labels.csv", "url,label\n" + "".join(f"https://example.org/b/{n},{v}\n" for n, v in ALL.items())),
        ("labels.csv", "pic,photo,label\n" + "".join(f"{n},colour,{v}\n" for n, v in ALL.items())),
        ("labels.json", json.dumps({"1.txt": {"filename": "01.png", "label": "cat"}, "2.txt": {"filename": "02.png", "label": "dog"}, "3.txt": {"filename": "10.png", "label": "cat"}})),
    ],
)  # fmt: skip
def test_the_layout_is_understood(make_zip: MakeZip, name: str, content: str) -> None:
    assert labels(opened(make_zip, {name: content})) == ALL


@pytest.mark.parametrize("column", ["file", "image_path"])
def test_the_row_numbers_of_pandas_are_no_files(make_zip: MakeZip, column: str) -> None:
    files = {"1.png": "cat", "10.png": "dog", "2.png": "owl"}  # as sorted, so that row 1 is 10.png
    rows = {str(i): {column: file, "label": label} for i, (file, label) in enumerate(files.items())}
    assert labels(opened(make_zip, {"labels.json": json.dumps(rows)}, tuple(files))) == files


def test_numbers_that_may_be_rows_or_files_are_refused(make_zip: MakeZip) -> None:
    rows = {str(i): {"id": file, "label": label} for i, (file, label) in enumerate({"1": "cat", "2": "dog"}.items())}
    with pytest.raises(DatasetError, match="whether its keys or its values of 'id' name the images") as caught:
        opened(make_zip, {"labels.json": json.dumps(rows)}, ("0.png", "1.png", "2.png"))
    assert '[{"file": "a.png", "label": "cat"}, ...]' in caught.value.fix
    keys = {str(number): {"label": label} for number, label in ((1, "cat"), (2, "dog"))}
    assert labels(opened(make_zip, {"labels.json": json.dumps(keys)}, ("1.png", "2.png"))) == {
        "1.png": "cat", "2.png": "dog",
    }  # fmt: skip


def test_a_class_that_is_called_like_a_column_of_files_is_a_class(make_zip: MakeZip) -> None:
    dataset = opened(make_zip, {"labels.csv": "pic,photo,sketch\n01.png,1,0\n02.png,0,1\n10.png,1,0\n"})
    assert labels(dataset) == {"01.png": "photo", "02.png": "sketch", "10.png": "photo"}


def test_two_columns_of_labels_that_differ_only_in_case_are_two(make_zip: MakeZip) -> None:
    with pytest.raises(DatasetError, match="two of its columns are called label, and they differ"):
        opened(make_zip, {"labels.csv": "file,label,Label\n01.png,cat,dog\n02.png,dog,dog\n10.png,cat,dog\n"})


def test_what_stands_beside_the_labels_can_be_filtered_by(make_zip: MakeZip) -> None:
    content = json.dumps({"version": 1, "data": [{"file": n, "label": v, "camera": n[0]} for n, v in ALL.items()]})
    attributes = opened(make_zip, {"labels.json": content}).attributes()
    assert attributes and attributes.columns.to_pydict() == {"camera": ["0", "0", "1"]}


def test_votes_that_differ_are_no_label(make_zip: MakeZip) -> None:
    votes = [{"result": [{"value": {"choices": [each]}}]} for each in ("cat", "dog")]
    dataset = opened(make_zip, {"project.json": json.dumps([*STUDIO[1:], {**STUDIO[0], "annotations": votes}])})
    assert labels(dataset) == {**ALL, "01.png": None}
    cancelled = [votes[0], {**votes[1], "was_cancelled": True}]
    dataset = opened(make_zip, {"project.json": json.dumps([*STUDIO[1:], {**STUDIO[0], "annotations": cancelled}])})
    assert labels(dataset) == ALL


def test_the_folder_of_a_url_counts_where_file_names_are_not_unique(make_zip: MakeZip) -> None:
    rows = ("a/1.png,cat", "b/1.png,dog", "c/2.png,cat")
    table = "url,label\n" + "".join(f"https://example.org/{row}\n" for row in rows)
    dataset = opened(make_zip, {"labels.csv": table}, ("x/a/1.png", "x/b/1.png", "2.png"))
    assert labels(dataset) == {"x/a/1.png": "cat", "x/b/1.png": "dog", "2.png": "cat"}
    dataset = opened(make_zip, {"labels.csv": table}, ("1.png", "2.png"))
    assert {name: label for name, label in labels(dataset).items() if "://" not in name} == {
        "1.png": None,
        "2.png": "cat",
    }


def test_zeros_are_added_only_where_one_image_is_meant(make_zip: MakeZip) -> None:
    dataset = opened(make_zip, {"labels.csv": "id,label\n1,cat\n10,dog\n"}, ("01.png", "001.png", "10.png"))
    assert labels(dataset) == {"01.png": None, "001.png": None, "10.png": "dog", "1": "cat"}
    told = opened(make_zip, {"labels.csv": "id,label\n1,cat\n"})
    assert (
        "labels.csv lacks the zeros at the beginning of file names, as spreadsheets drop them; they are added."
        in told.notes
    )


def test_a_prefix_is_kept_where_the_images_have_it(make_zip: MakeZip) -> None:
    names = ("0a1b2c3d-01.png", "01.png", "02.png")
    assert labels(opened(make_zip, {"project.json": json.dumps(STUDIO[:1])}, names)) == {
        "0a1b2c3d-01.png": "cat", "01.png": None, "02.png": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "table, said",
    [
        ("file,label,class\n01.png,cat,pet\n02.png,dog,pet\n10.png,cat,pet\n", "label is used, class is not."),
        ("file,label,class\n01.png,cat,dog\n02.png,dog,cat\n10.png,cat,dog\n", "label is used, class is not."),
    ],
)
def test_a_doubt_about_the_columns_is_said(make_zip: MakeZip, table: str, said: str) -> None:
    dataset = opened(make_zip, {"labels.csv": table})
    assert labels(dataset) == ALL and any(said in note for note in dataset.notes)


SPLIT = [
    ("labels.csv", "file,label,split,camera\n01.png,cat,Test,a\n02.png,dog,train,b\n10.png,cat,training,c\ngone.png,dog,train,d\n"),
    ("labels.csv", "Test,01.png,cat\nTRAIN,02.png,dog\nTRAIN,10.png,cat\n"),
    ("labels.csv", "image,cat,dog,subset\n01,1,0,test\n02,0,1,train\n10,1,0,train\n"),
    ("labels.jsonl", lines([{"file": n, "label": v, "split": "test" if n == "01.png" else "train"} for n, v in ALL.items()])),
]  # fmt: skip


TABLE = pa.table({"file": list(ALL), "label": list(ALL.values()), "split": ["test", "train", "train"]})


@pytest.mark.parametrize("name, content", [*SPLIT, ("labels.parquet", in_parquet(TABLE))])
def test_a_column_of_splits_is_asked_about_as_folders_are(
    make_zip: MakeZip, tmp_path: Path, name: str, content: str | bytes
) -> None:
    dataset = opened(make_zip, {name: content})
    assert labels(dataset) == {"01.png": "cat"}
    assert [(each.topic, each.chosen, each.certain) for each in dataset.questions] == [("split", "test", False)]
    assert f"(test: 1 image in {name}; train: 2 images in {name})" in dataset.notes[0]
    found = {
        split: open_dataset(describe(dataset.path, Choices(split=split), tmp_path))
        for split in ("train", "all", "none")
    }
    train = labels(found["train"])
    assert {name: train[name] for name in ("02.png", "10.png")} == {"02.png": "dog", "10.png": "cat"}
    assert "01.png" not in train and all(labels(found[each]).items() >= ALL.items() for each in ("all", "none"))
    assert len({each.fingerprint for each in (dataset, *found.values())}) == 4
    with pytest.raises(DatasetError, match="has no split 'val'"):
        open_dataset(describe(dataset.path, Choices(split="val"), tmp_path))


def test_splits_in_a_table_that_agrees_with_the_folders_are_not_passed_over(make_zip: MakeZip, tmp_path: Path) -> None:
    table = b"file,label,split\ncat/0.png,cat,test\ncat/1.png,cat,train\ndog/0.png,dog,train\n"
    extra = {name: encoded(picture(i)) for i, name in enumerate(("cat/0.png", "cat/1.png", "dog/0.png"))}
    path = make_zip({}, extra={**extra, "data.csv": table})
    dataset = open_dataset(path)
    assert [sample.name for sample in dataset.samples] == ["cat/0.png"]
    assert [(each.topic, each.chosen) for each in dataset.questions] == [("split", "test")]

    def read(**choices: str) -> list[str]:
        return [sample.name for sample in open_dataset(describe(path, Choices(**choices), tmp_path)).samples]

    assert read(labels="data.csv") == ["cat/0.png"]
    assert read(labels="folders") == read(split="none") == list(extra)
    in_folders = {f"{'test' if name == 'cat/0.png' else 'train'}/{name}": data for name, data in extra.items()}
    splits = make_zip({}, extra={**in_folders, "data.csv": table})
    assert [sample.name for sample in open_dataset(splits).samples] == ["test/cat/0.png"], "the folders tell the splits"


def test_the_rows_of_a_split_keep_their_columns_and_faults(make_zip: MakeZip, tmp_path: Path) -> None:
    table = SPLIT[0][1] + "02.png,cat,train,b\n"
    dataset = open_dataset(describe(opened(make_zip, {"labels.csv": table}).path, Choices(split="train"), tmp_path))
    attributes = dataset.attributes()
    assert attributes and attributes.columns["camera"].to_pylist() == ["b", "c", "d"]
    assert [sample.name for sample in dataset.samples] == ["images/02.png", "images/10.png", "gone.png"]
    with pytest.raises(ImageError, match="different labels: dog, cat"):
        dataset.image(0)


@pytest.mark.parametrize("splits", [("test", "test", "test"), ("test", "fold 1", "fold 3"), ("test", "", "test")])
def test_what_tells_not_several_splits_is_an_ordinary_column(make_zip: MakeZip, splits: tuple[str, ...]) -> None:
    rows = "".join(f"{n},{v},{s}\n" for (n, v), s in zip(ALL.items(), splits, strict=True))
    dataset = opened(make_zip, {"labels.csv": f"file,label,split\n{rows}"})
    assert labels(dataset) == ALL and dataset.questions == ()


def test_names_and_numbers_of_the_same_classes_are_no_doubt(make_zip: MakeZip) -> None:
    table = "file,label,class_id,split\n01.png,cat,3,test\n02.png,dog,5,test\n10.png,cat,3,test\n"
    assert opened(make_zip, {"labels.csv": table}).notes == ("Labels are taken from labels.csv.",)


def test_files_of_classes_label_the_images_beside_them(make_zip: MakeZip) -> None:
    classes = {f"images/{name[:-4]}.cls": label for name, label in ALL.items()}
    dataset = opened(make_zip, {**classes, "images/10.cls": b"\xff\xfe"})
    assert labels(dataset) == {**ALL, "10.png": None}, "one that cannot be read gives no label"
    assert not any("ignored" in note for note in dataset.notes)
    table = "file,label\n01.png,dog\n02.png,dog\n10.png,dog\n"
    assert set(labels(opened(make_zip, {**classes, "labels.csv": table})).values()) == {"dog"}


def test_files_with_the_suffix_of_classes_beside_no_image_are_ignored(make_zip: MakeZip) -> None:
    extra = dict.fromkeys(("paper.cls", "cat/paper.cls"), b"\\NeedsTeXFormat{LaTeX2e}")
    dataset = open_dataset(make_zip({"cat": 1, "dog": 1}, extra=extra))
    assert [sample.label for sample in dataset.samples] == ["cat", "dog"]
    assert any("2 files that are not images are ignored" in note for note in dataset.notes)


def test_a_file_that_is_too_long_for_a_class_gives_no_label(make_zip: MakeZip) -> None:
    classes = {f"images/{name[:-4]}.cls": label for name, label in ALL.items()}
    dataset = opened(make_zip, {**classes, "images/10.cls": "cat" * 1000})
    assert labels(dataset) == {**ALL, "10.png": None}


def test_a_class_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(encoded(picture(1)))
    (tmp_path / "1.cls").write_text("cat")
    assert labels(open_dataset(tmp_path)) == {"1.png": "cat"}
    (tmp_path / "1.cls").write_text("horse")
    assert labels(open_dataset(tmp_path)) == {"1.png": "horse"}


@pytest.mark.parametrize(
    "name, content",
    [
        ("data.yaml", "train: ../train\nnc: 2\nnames: [dog, cat]\n"),
        ("data.yaml", "names:\n  0: dog\n  1: cat\n"),
        ("dataset.json", json.dumps({"id_to_name": {"0": "dog", "1": "cat"}})),
        ("config.json", json.dumps({"label2id": {"dog": 0, "cat": 1}})),
        ("info.json", json.dumps({"categories": [{"id": 1, "name": "cat"}, {"id": 0, "name": "dog"}]})),
        ("classes.txt", "dog\ncat\nhorse\n"),
        (
            "README.md",
            "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names: {'0': dog, '1': cat}\n---\n# Pets\n",
        ),
        (
            "README.md",
            "---\r\nclass_label:\r\n  names:\r\n    0: dog\r\n    1: cat\r\n---\r\n# Pets, as Windows ends lines\r\n",
        ),
        (
            "dataset_infos.json",
            json.dumps({"default": {"features": {"label": {"names": ["dog", "cat"], "_type": "ClassLabel"}}}}),
        ),
    ],
)
def test_the_names_of_numbers_come_with_the_dataset(make_zip: MakeZip, name: str, content: str) -> None:
    table = "file,label\n" + "".join(f"{file},{NUMBERS[label]}\n" for file, label in ALL.items())
    assert labels(opened(make_zip, {"labels.csv": table, name: content})) == ALL


def test_names_of_classes_are_found_among_the_files_of_many_images(make_zip: MakeZip) -> None:
    table = "file,label\n" + "".join(f"{file},{NUMBERS[label]}\n" for file, label in ALL.items())
    notes = {f"notes/{i:02}.json": "{}" for i in range(30)}
    names = {"texts/class_indices.json": json.dumps(NUMBERS)}
    assert labels(opened(make_zip, {"labels.csv": table, **notes, **names})) == ALL


def test_several_columns_of_class_ids_name_no_numbers(make_zip: MakeZip) -> None:
    table = "file,label\n" + "".join(f"{file},{NUMBERS[label]}\n" for file, label in ALL.items())
    fine, coarse = ({"names": names, "_type": "ClassLabel"} for names in (["dog", "cat"], ["pet", "wild"]))
    content = json.dumps({"features": {"fine": fine, "coarse": coarse}})
    assert set(labels(opened(make_zip, {"labels.csv": table, "dataset_info.json": content})).values()) == {"0", "1"}


def test_copies_that_programs_leave_behind_are_no_images(make_zip: MakeZip) -> None:
    copies = (
        "cat/.ipynb_checkpoints/1-checkpoint.png",
        "cat/@eaDir/1.png/thumb.png",
        "__MACOSX/cat/2.png",
        "cat/Icon\r",
        ".Trash-1000/files/cat/1.png",
        ".Trashes/501/cat/1.png",
        "#recycle/cat/1.png",
        ".stversions/cat/1~20260101-120000.png",
        "cat/.picasaoriginals/1.png",
    )
    path = make_zip({"cat": 1}, extra={name: encoded(picture(1)) for name in copies})
    assert [sample.label for sample in open_dataset(path).samples] == ["cat"]


@pytest.mark.parametrize(
    "content", ["epochs: 0\nseed: 1\n", "a: &a [*a]\nnames: *a\n", BOMB, "names: [dog, cat]\n" + "#" * 300_000]
)
def test_settings_and_traps_are_no_names(make_zip: MakeZip, content: str) -> None:
    table = "file,label\n" + "".join(f"{file},{NUMBERS[label]}\n" for file, label in ALL.items())
    assert set(labels(opened(make_zip, {"labels.csv": table, "data.yaml": content})).values()) == {"0", "1"}


IMAGES, IDS = np.stack([picture(i) for i in range(3)]), np.array([NUMBERS[label] for label in ALL.values()])


def test_an_npz_says_what_its_numbers_mean(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=IDS, class_names=np.array(["dog", "cat"]))
    dataset = open_dataset(tmp_path / "a.npz")
    assert [sample.label for sample in dataset.samples] == list(ALL.values())
    assert "a.npz: class_names says what the numbers mean: 0 is dog, 1 is cat." in dataset.notes
    np.savez(tmp_path / "b.npz", images=IMAGES, labels=IDS + 1, class_names=np.array(["dog", "cat"]))
    assert [sample.label for sample in open_dataset(tmp_path / "b.npz").samples] == list(ALL.values())
    np.savez(tmp_path / "c.npz", images=IMAGES, labels=IDS + 5, class_names=np.array(["dog", "cat"]))
    assert "is not used for the numbers" in open_dataset(tmp_path / "c.npz").notes[-2]
    np.savez(tmp_path / "d.npz", images=IMAGES, labels=IDS, class_names=np.array(["dog", "dog"]))
    assert open_dataset(tmp_path / "d.npz").notes[-2:] == (
        "d.npz: class_names is not used for the numbers: it gives several numbers the same name.", IDS_UNCERTAIN,
    )  # fmt: skip


def test_names_that_take_gigabytes_when_unpacked_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MOST_NAMES_BYTES", 2**10)
    names = np.array(["dog", "cat" * 1000])
    np.savez_compressed(tmp_path / "a.npz", images=IMAGES, labels=IDS, class_names=names)
    dataset = open_dataset(tmp_path / "a.npz")
    assert {sample.label for sample in dataset.samples} == {"0", "1"}
    assert "class_names is not used for the numbers: it has the shape (2,) of <U3000." in dataset.notes[-2]


def test_another_array_of_labels_is_told(tmp_path: Path) -> None:
    others = {"fine_labels": IDS, "weights": IDS, "y_test": IDS, "label_names": np.array(["dog", "cat"])}
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=IDS, **others)
    notes = open_dataset(tmp_path / "a.npz").notes
    assert "Other arrays may hold labels too: fine_labels, y_test. They are not used, labels is." in notes


def test_names_beside_shards_are_used_and_a_part_of_the_fingerprint(tmp_path: Path) -> None:
    images = [encoded(picture(i)) for i in range(3)]
    pq.write_table(pa.table({"image": images, "label": IDS}), tmp_path / "test-0.parquet")
    (tmp_path / "labels.txt").write_text("dog\ncat\n")
    dataset = open_dataset(tmp_path)
    fingerprint = dataset.fingerprint
    assert [sample.label for sample in dataset.samples] == list(ALL.values())
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    swapped = open_dataset(tmp_path)
    assert [sample.label for sample in swapped.samples] == ["dog", "cat", "dog"]
    assert swapped.fingerprint != fingerprint, "else the stored answers of the other labels were given"
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "x_test.npy", IMAGES)
    np.save(folder / "y_test.npy", IDS)
    (folder / "classes.txt").write_text("dog\ncat\n")
    assert [sample.label for sample in open_dataset(folder).samples] == list(ALL.values())
