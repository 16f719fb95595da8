"""Labels files in ZIPs and folders: all supported layouts, and all kinds of mistakes (hostile 38)."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import Dataset, labels_file, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.labels_file import read_labels_file
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.questions import UndecidedError
from tests.conftest import MakeZip, encoded, picture

NAMES = ("a.png", "b.png", "c.png")


@pytest.fixture
def labelled(make_zip: MakeZip):
    """`labelled("labels.csv", b"...")` opens a ZIP of three images with that file beside them."""

    def opened(name: str, content: bytes | str, images: tuple[str, ...] = NAMES) -> Dataset:
        extra = {image: encoded(picture(i)) for i, image in enumerate(images)}
        data = content.encode() if isinstance(content, str) else content
        return open_dataset(make_zip({}, extra={**extra, name: data}))

    return opened


def labels(dataset: Dataset) -> dict[str, str | None]:
    return {s.name: s.label for s in dataset.samples}


def parquet(table: pd.DataFrame | pa.Table, **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.Table.from_pandas(table), buffer, **options)
    return buffer.getvalue()


ALL = {"a.png": "cat", "b.png": "dog", "c.png": "cat"}
RECORDS = [{"file": name, "label": label} for name, label in ALL.items()]


@pytest.mark.parametrize(
    "name, content",
    [
        ("labels.csv", "file,label\na.png,cat\nb.png,dog\nc.png,cat\n"),
        ("labels.csv", "\ufefffile;label\r\na.png;cat\r\nb.png;dog\r\nc.png;cat\r\n"),
        ("anything.tsv", "label\tFile Name\textra\ncat\ta.png\t1\ndog\tb.png\t2\ncat\tc.png\t3\n"),
        ("labels.csv", 'id,class\n"a","cat"\nb,dog\n\nc,cat\n'),
        ("labels.csv", "a.png,cat\nb.png,dog\nc.png,cat\n"),
        ("labels.csv", "\n\r\nfile,label\na.png,cat\nb.png,dog\nc.png,cat\n"),
        ("labels.csv", "bild;tier\na.png;cat\nb.png;dog\nc.png;cat\n"),
        ("labels.json", json.dumps(ALL)),
        ("truth.json", json.dumps(RECORDS)),
        ("metadata.jsonl", "\n".join(json.dumps({"file_name": n, "label": v, "x": [1]}) for n, v in ALL.items())),
        ("labels.parquet", parquet(pd.DataFrame(RECORDS))),
    ],
)
def test_every_way_to_write_labels(labelled, name: str, content: bytes | str) -> None:
    dataset = labelled(name, content)
    assert labels(dataset) == ALL
    assert all(np.array_equal(dataset.image(i), picture(i)) for i in range(3))
    assert f"Labels are taken from {name}." in dataset.notes


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet"])
@pytest.mark.parametrize(
    "columns",
    [
        {"uuid": [*ALL], "label": [*ALL.values()], "age": [1, 2, 3]},
        {"animal": [*ALL.values()], "uuid": [*ALL]},
        {"id": [7, 8, 9], "label": [*ALL.values()], "uuid": [*ALL]},  # an id names no image here
        {"uuid": [*ALL], "cat": [1, 0, 1], "dog": [0, 1, 0]},
        {"uuid": [*ALL], "class_id": [0, 1, 0], "class_text": [*ALL.values()]},
    ],
)
def test_the_column_of_file_names_is_found_whatever_it_is_called(
    labelled, suffix: str, columns: dict[str, list[object]]
) -> None:
    table = pd.DataFrame(columns, index=[5, 3, 4])
    content: dict[str, bytes | str] = {
        "csv": table.to_csv(index=False),
        "json": table.to_json(orient="records"),
        "jsonl": table.to_json(orient="records", lines=True),
        "parquet": parquet(table),
    }
    dataset = labelled(f"truth.{suffix}", content[suffix])
    assert labels(dataset) == ALL
    others = dataset.attributes()
    assert (others.columns.column_names if others else []) == [
        each for each in columns if each in ("age", "id", "class_id")
    ]


@pytest.mark.parametrize("suffix, fix", [("csv", "a line of column names"), ("parquet", "Call the one `file`")])
def test_the_advice_on_columns_that_are_not_known_fits_the_kind_of_table(suffix: str, fix: str) -> None:
    table = pd.DataFrame({"foo": ["x"], "bar": ["y"]})
    with pytest.raises(DatasetError, match="no columns of file names and labels were recognised") as refused:
        read_labels_file(parquet(table) if suffix == "parquet" else table.to_csv().encode(), f"x.{suffix}", ["a"])
    assert fix in refused.value.fix


@pytest.mark.parametrize("suffix", ["json", "jsonl", "parquet"])
@pytest.mark.parametrize("file", ["file", "uuid"])
@pytest.mark.parametrize("key", ["name", "Label", "class"])
def test_a_label_may_be_an_object_with_one_name(labelled, suffix: str, file: str, key: str) -> None:
    records = [{file: name, "label": {key: label, "id": len(label), "by": "Ann"}} for name, label in ALL.items()]
    if suffix == "parquet" and file == "file":
        content: bytes | str = parquet(pa.Table.from_pylist(records))
    else:
        suffix = "json" if suffix == "parquet" else suffix
        content = json.dumps(records) if suffix == "json" else "\n".join(map(json.dumps, records))
    assert labels(labelled(f"truth.{suffix}", content)) == ALL


@pytest.mark.parametrize(
    "name, content",
    [
        ("t.csv", "file;label;age\r\na.png;cat;1\r\n;;\r\nb.png;dog;2\r\nc.png;cat;3\r\n;;\r\n ; ;\r\n"),
        ("t.csv", ",,\nfile,label,age\na.png,cat,1\nb.png,dog,2\nc.png,cat,3\n,,\n,,Mean: 2\n"),
        ("t.tsv", "file\tcat\tdog\tage\na.png\t1\t0\t1\nb.png\t0\t1\t2\n\t\t\t\nc.png\t1\t0\t3\n\t\t\t\n"),
        ("t.csv", "a.png,cat\nb.png,dog\n,\nc.png,cat\n,\n"),
        ("t.json", json.dumps([*RECORDS[:1], {"file": None, "label": None}, *RECORDS[1:], {"file": "", "label": ""}])),
        ("t.parquet", parquet(pd.DataFrame([*RECORDS[:2], {"file": None, "label": None}, *RECORDS[2:]]))),
    ],
)
def test_empty_rows_of_a_spreadsheet_are_no_rows(labelled, name: str, content: bytes | str) -> None:
    dataset = labelled(name, content)
    assert labels(dataset) == ALL and dataset.samples.n_without_image == 0
    assert not any("missing" in note for note in dataset.notes)
    if "age" in str(content):
        assert [str(age) for age in dataset.attributes().columns["age"].to_pylist()] == ["1", "2", "3"]


def test_a_table_of_empty_rows_only_is_called_empty(labelled) -> None:
    with pytest.raises(DatasetError, match="it is empty"):
        labelled("labels.csv", ";;\r\n;;\r\n")


@pytest.mark.parametrize("label", [{"id": 3}, {"name": "cat", "class": "animal"}, {"name": ["cat"]}, {}, 0.5])
def test_a_label_that_has_not_exactly_one_name_is_told_how_to_write_it(labelled, label: object) -> None:
    def error(label: object) -> DatasetError:
        with pytest.raises(DatasetError) as caught:
            labelled("truth.json", json.dumps([{"file": name, "label": label} for name in NAMES]))
        return caught.value

    assert "a name or a whole number is needed" in error(label).message
    [example] = re.findall(r"{.*}", error(label).fix)
    assert set(labels(labelled("truth.json", json.dumps([json.loads(example)]))).values()) == {"cat", None}


def test_upper_and_lower_case_of_file_names_matter_only_where_they_tell_images_apart(labelled) -> None:
    images = ("a.png", "b.PNG", "c.png", "C.png")
    dataset = labelled("labels.csv", "file,label\nIMG/A.PNG,cat\nB.png,dog\nC.png,cat\nc.PNG,dog\n", images)
    assert labels(dataset) == {"a.png": "cat", "b.PNG": "dog", "c.png": None, "C.png": "cat"}
    told = "1 row of labels.csv fits several images, so it gives no label: c.PNG. "
    assert told + "Write the whole path of each image in the table." in dataset.notes


@pytest.mark.parametrize("at", ["0labels.csv", "b.csv", "z/labels.csv"])
def test_images_keep_their_pixels_wherever_the_labels_file_lies(labelled, at: str) -> None:
    dataset = labelled(at, "file,label\n" + "".join(f"{n},{v}\n" for n, v in ALL.items()))
    assert [s.name for s in dataset.samples] == list(NAMES)
    assert all(np.array_equal(dataset.image(i), picture(i)) for i in range(3))


def test_numbers_are_labels_too(labelled) -> None:
    table = pd.DataFrame({"file": NAMES, "label": [3.0, np.nan, 5.0]})
    assert labels(labelled("labels.parquet", parquet(table))) == {"a.png": "3", "b.png": None, "c.png": "5"}
    assert labels(labelled("labels.json", json.dumps({"a.png": 3, "b.png": None, "c.png": "07"}))) == {
        "a.png": "3", "b.png": None, "c.png": "07",
    }  # fmt: skip


def test_ids_as_pandas_writes_them_beside_a_missing_one(labelled) -> None:
    dataset = labelled("labels.csv", 'file,label\na.png,"3,0"\nb.png,\nc.png,-1.0\n')
    assert labels(dataset) == {"a.png": "3", "b.png": None, "c.png": "-1"}
    assert labels(labelled("labels.csv", "file,label\na.png,3.5\nb.png,v1.0\n"))["a.png"] == "3.5"


def test_an_image_without_a_row_stays_unlabelled_and_a_row_without_an_image_fails(labelled) -> None:
    dataset = labelled("labels.csv", "file,label\na.png,cat\nb.png,\ngone.png,dog\n")
    assert labels(dataset) == {"a.png": "cat", "b.png": None, "c.png": None, "gone.png": "dog"}
    notes = " ".join(dataset.notes)
    assert "not compared: b.png, c.png" in notes and "1 file named in labels.csv is missing: gone.png." in notes
    with pytest.raises(ImageError, match=r"labels\.csv names this file, but the dataset has no such image") as caught:
        dataset.image(3)
    assert caught.value.code == "missing"


def test_a_missing_file_that_is_named_several_times_is_one_file(labelled) -> None:
    dataset = labelled("labels.csv", "file,label\ngone.png,dog\na.png,cat\ngone.png,dog\nlost.png,cat\n")
    assert "2 files named in labels.csv are missing: gone.png, lost.png." in dataset.notes
    assert len(dataset.samples) == 5 and dataset.samples.n_without_image == 2


def test_two_rows_for_one_image(labelled) -> None:
    dataset = labelled("labels.csv", "file,label\na.png,cat\na.png,cat\nb.png,cat\nb.png,dog\nc.png,dog\n")
    assert labels(dataset) == {"a.png": "cat", "b.png": None, "c.png": "dog"}
    assert "Named more than once in labels.csv: a.png, b.png." in dataset.notes
    with pytest.raises(ImageError, match="different labels: cat, dog"):
        dataset.image(1)
    assert np.array_equal(dataset.image(0), picture(0))


@pytest.mark.parametrize("last", ['"dog"', '["dog"]', '{"label": "dog"}'])
def test_json_that_names_an_image_twice(labelled, last: str) -> None:
    first = last.replace("dog", "cat")
    content = f'{{"a.png": {first}, "b.png": {first}, "c.png": {last}, "b.png": {last}, "a.png": {first}}}'
    if last != '"dog"':
        with pytest.raises(DatasetError, match=r"labels\.json cannot be used .* it gives the key 'b\.png' two values"):
            labelled("labels.json", content)
        return
    dataset = labelled("labels.json", content)
    assert labels(dataset) == {"a.png": "cat", "b.png": None, "c.png": "dog"}
    assert "Named more than once in labels.json: a.png, b.png." in dataset.notes
    with pytest.raises(ImageError, match="different labels: cat, dog"):
        dataset.image(1)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_columns_that_contradict_each_other_are_told(labelled, kind: str) -> None:
    for ids, contradict in (([0, 1, 0], False), ([0, 1, 1], True)):
        frame = pd.DataFrame({"file": NAMES, "label_name": ALL.values(), "label": ids})
        csv, json_text = frame.to_csv(index=False), frame.to_json(orient="records")
        content = parquet(frame) if kind == "parquet" else json_text if kind == "json" else csv
        dataset = labelled(f"labels.{kind}", content)
        told = f"labels.{kind} has several columns that may hold labels: label_name is used, label is not."
        assert labels(dataset) == ALL and (told in dataset.notes) is contradict


IDS = [4, 7, 4]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("columns", "used"),
    [
        ({"label": IDS, "label_text": ["dog", "cat", "dog"]}, "label_text"),
        ({"target": IDS, "name": ["dog", "cat", "dog"]}, "name"),
        ({"class": IDS, "species": ["dog", "cat", "dog"]}, "species"),
        ({"y": IDS, "description": ["dog", "cat", "dog"]}, "description"),
        ({"label": IDS, "labelText": ["dog", "cat", "dog"], "split": ["a", "b", "c"]}, "labelText"),
        ({"label": IDS, "description": ["a dog", "a cat", "another dog"]}, ""),  # one id, two texts
        ({"label": IDS, "label_text": ["pet", "pet", "pet"]}, ""),  # two ids, one text
        ({"label": IDS, "label_text": ["14", "17", "14"]}, ""),  # numbers
        ({"label": IDS, "label_text": ["dog", "", "dog"]}, ""),  # an id without a text
        ({"label": IDS, "camera": ["a", "b", "a"]}, ""),
        ({"label": [1, 2, 3], "description": ["one", "two", "three"]}, ""),  # may tell of the images
        ({"label": ["a", "b", "a"], "label_text": ["dog", "cat", "dog"]}, ""),
    ],
)
def test_a_column_beside_that_of_the_ids_names_them(labelled, kind: str, columns: dict[str, list], used: str) -> None:
    frame = pd.DataFrame({"file": NAMES, **columns})
    csv, lines = frame.to_csv(index=False), frame.to_json(orient="records", lines=True)
    dataset = labelled(f"labels.{kind}", parquet(frame) if kind == "parquet" else lines if kind == "jsonl" else csv)
    ids = next(iter(columns))
    note = (
        f"labels.{kind} has class ids in the column {ids}, and their names in {used}. The names are used. "
        f"To use the ids, choose `{ids}` as the column of labels."
    )
    assert labels(dataset) == dict(zip(NAMES, map(str, columns[used or ids]), strict=True))
    assert (note in dataset.notes) is bool(used)


FOUR = ("a.png", "b.png", "c.png", "d.png")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"target": [1, 0, 1, 0], "diagnosis": ["sick", "well", "sick", "well"]}, "diagnosis"),
        ({"label": [1, 0, 1, 0], "class": ["sick", "well", "sick", "well"]}, "class"),
        ({"target": [1, 0, 1, 0], "sex": ["f", "f", "m", "m"], "dx": ["sick", "well", "sick", "well"]}, "dx"),
        ({"target": [1, 0, 1, 0], "diagnosis": ["x", "well", "y", "well"]}, ""),  # they say something else
        ({"target": [1, 0, 1, 2], "patient": ["p1", "p2", "p1", "p3"]}, ""),  # too few of each to tell
        ({"target": [1, 0, 1, 0], "age": [40.5, 31.0, 40.5, 31.0]}, ""),
        ({"target": [1, 0, 1, 0], "split": ["x", "y", "x", "y"]}, ""),
    ],
)
def test_words_come_before_ids_that_say_the_same(labelled, kind: str, columns: dict[str, list], names: str) -> None:
    frame = pd.DataFrame({"image_name": FOUR, **columns})
    csv, lines = frame.to_csv(index=False), frame.to_json(orient="records", lines=True)
    content = parquet(frame) if kind == "parquet" else lines if kind == "jsonl" else csv
    ids = next(iter(columns))
    dataset = labelled(f"labels.{kind}", content, FOUR)
    assert labels(dataset) == dict(zip(FOUR, map(str, columns[names or ids]), strict=True))
    told = (
        f"class ids in the column {ids}, and their names in {names}. The names are used. To use the ids, choose `{ids}`"
    )
    assert any(told in note for note in dataset.notes) is bool(names)


@pytest.mark.parametrize("target", ["target", "class_id"])
def test_one_hot_columns_come_before_ids_that_say_the_same(make_zip: MakeZip, target: str) -> None:
    images = {name: encoded(picture(i)) for i, name in enumerate(FOUR)}
    rows = "a,1.0,0.0,{}\nb,0.0,1.0,{}\nc,1.0,0.0,{}\nd,0.0,1.0,{}\n"
    path = make_zip({}, extra={**images, "GT.csv": f"image,MEL,NV,{target}\n{rows.format(1, 0, 1, 0)}".encode()})
    dataset = open_dataset(path)
    assert labels(dataset) == dict(zip(FOUR, ["MEL", "NV", "MEL", "NV"], strict=True))
    assert any(f"ids in the column {target}, and their names in MEL, NV. The names" in note for note in dataset.notes)
    chosen = open_dataset(path, Choices(label_column=target))
    assert labels(chosen) == dict(zip(FOUR, "1010", strict=True))
    other = make_zip(
        {}, "other.zip", extra={**images, "GT.csv": f"image,old,new,y\n{rows.format(1, 0, 0, 1)}".encode()}
    )
    assert labels(open_dataset(other)) == dict(zip(FOUR, "1001", strict=True))


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_one_hot_columns_in_json_and_parquet(labelled, kind: str) -> None:
    classes = {f"class{i}": [float(i == row) for row in range(4)] for i in range(50)}
    frame = pd.DataFrame({"image": FOUR, **classes, "age": [30, 40, 50, None]})
    content = parquet(frame) if kind == "parquet" else frame.to_json(orient="records")
    dataset = labelled(f"labels.{kind}", content, FOUR)
    assert labels(dataset) == {name: f"class{i}" for i, name in enumerate(FOUR)}
    columns = dataset.attributes()
    assert columns and columns.columns.column_names == ["age"]


def test_the_ids_can_be_chosen_beside_their_names(make_zip: MakeZip) -> None:
    images = {name: encoded(picture(i)) for i, name in enumerate(NAMES)}
    rows = "".join(f"{name},{i},{'dog' if i else 'cat'}\n" for name, i in zip(NAMES, (0, 1, 0), strict=True))
    path = make_zip({}, extra={**images, "labels.csv": b"file,label,label_text\n" + rows.encode()})
    assert list(labels(open_dataset(path)).values()) == ["cat", "dog", "cat"]
    assert list(labels(open_dataset(path, Choices(label_column="label"))).values()) == ["0", "1", "0"]


def test_names_are_found_in_folders_but_never_guessed(make_zip: MakeZip) -> None:
    images = {name: encoded(picture(i)) for i, name in enumerate(("set/a.png", "set/x/b.png", "set/y/b.png"))}
    table = b"file,label\na,cat\nb.png,cat\nx/b.png,dog\nz/b.png,dog\n"
    path = make_zip({}, extra={**images, "set/labels.csv": table})
    dataset = open_dataset(path, Choices(labels="set/labels.csv"))
    assert [(s.name, s.label) for s in dataset.samples] == [
        ("set/a.png", "cat"), ("set/x/b.png", "dog"), ("set/y/b.png", None), ("z/b.png", "dog"),
    ]  # fmt: skip
    assert "1 row of set/labels.csv fits several images, so it gives no label: b.png." in " ".join(dataset.notes)
    with pytest.raises(ImageError, match="no such image"):
        dataset.image(3)


def test_a_table_with_a_title_is_told_beside_class_folders_if_it_names_files(make_zip: MakeZip) -> None:
    for columns, told in (("file,label", True), ("class,recall", False)):
        path = make_zip({"cat": 1, "dog": 1}, f"{told}.zip", extra={"t.csv": f"Title\n{columns}\nx,cat\n".encode()})
        notes = " ".join(open_dataset(path).notes)
        assert ("row 2, below other rows (Title). Delete the rows above row 2" in notes) == told


def test_a_first_line_of_cells_is_no_title(labelled) -> None:
    """Though the second has words that other tables call columns."""
    dataset = labelled("labels.csv", "a.png,cat\nb.png,class\nc.png,label\n")
    assert labels(dataset) == {"a.png": "cat", "b.png": "class", "c.png": "label"}


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("labels.csv", "", "empty"),
        ("labels.csv", "file,label\n", "no rows"),
        ("labels.csv", "one,two,three\na.png,x,y\n", "not certain which of its columns holds the labels"),
        ("labels.csv", "a\tb\tc\nx\ty\tz\n", "no columns of file names and labels"),
        ("labels.csv", "# made in 2024\nfile,label\na.png,cat\n", "begins with lines that are not rows (# made in 2024)"),
        ("labels.csv", "made in 2024\na.png,cat\n", "its line 2 has 2 cells, but its first line has 1"),
        ("labels.csv", "made in 2024\nfile,label\na.png,cat\n", "its header seems to be in row 2, below other rows (made in 2024)"),
        ("labels.csv", "Liste;;\n;;\nBild;Tier;Alter\na.png;cat;3\n", "its header seems to be in row 3, below other rows (Liste)"),
        ("labels.csv", "9b,May,\nfile,label,age\na.png,cat,3\nb.png,cat,4\n", "its header seems to be in row 2, below other rows (9b, May)"),
        ("labels.csv", "sep=;\nListe;\nfile;label\na.png;cat\n", "its header seems to be in row 3, below other rows (Liste)"),
        ("labels.csv", "file,cat,dog\na.png,x,\nb.png,,x\n", "its columns seem to be classes"),
        ("labels.csv", "file,cat,dog\na.png,1,-1\nb.png,-1,1\n", "its columns seem to be classes"),
        ("labels.csv", "file,cat,dog\na.png,0.9,0.1\nb.png,0.1,0.9\n", "(cat, dog), but their cells are shares, not 0 and 1"),
        ("labels.feather", b"ARROW1", "such files are not read"),
        ("metadata.pkl", b"\x80\x04", "such files are not read"),
        ("labels.csv", b"PK\3\4 an Excel file", "workbook"),
        ("labels.csv", "file,prediction\na.png,cat\n", "seems to hold predictions"),
        ("labels.csv", "file,label,label\na.png,cat,dog\n", "two of its columns are called label, and they differ"),
        ("labels.xlsx", b"PK\3\4 an Excel file", "workbook"),
        ("labels.csv", "foo,bar\nx,y\n", "'foo', 'bar'"),
        ("labels.csv", 'file,label\na.png,cat\n"b.png,dog,1,2\n', "labels file"),
        ("labels.csv", "file,label\na.png,käse\n".encode("latin-1"), "UTF-8"),
        ("labels.csv", b"\x00\x01\x02\xff", "UTF-8"),
        ("labels.json", "[1, 2]", "neither a list of records"),
        ("labels.json", "{", "labels file"),
        ("labels.json", "[" * 50_000, "labels file"),
        ("labels.json", '[{"file": "a.png", "label": [[1]]}]', "not a label"),
        ("labels.json", '[{"file": "a.png", "label": {"value": "cat"}}]', "not a label"),
        ("labels.json", '[{"file": "a.png", "label": true}]', "not a label"),
        ("labels.json", '[{"file": "a.png", "label": "cat", "label": "dog"}]', "it gives the key 'label' two values"),
        ("labels.jsonl", '{"file": "a.png", "label": "cat", "label": "dog"}', "it gives the key 'label' two values"),
        ("labels.json", '[{"file": "a.png", "label": "c\\ud800t"}]', "surrogates"),
        ("labels.csv", "file,label\na.png,c\0at\n", "'c\\x00at' is not a label: it holds the character NUL"),
        ("labels.parquet", parquet(pa.table([["a.png"], ["cat"], ["dog"]], ["file", "label", "label"])), "the same name"),
        ("labels.parquet", b"PAR1 no parquet PAR1", "labels file"),
        ("labels.csv", "file,label\nnowhere.png,cat\n", "names none of the 3 images"),
        ("truth.csv", "foo,bar,baz\n1,2,3\n", "no columns"),  # needed, since there are no class folders
    ],
)  # fmt: skip
def test_a_labels_file_that_cannot_be_used_is_refused(labelled, name: str, content: bytes | str, reason: str) -> None:
    with pytest.raises(DatasetError) as caught:
        labelled(name, content)
    assert name in caught.value.message and reason in caught.value.message and caught.value.fix
    assert caught.value.code == "labels_file"


@pytest.mark.parametrize("header", ["label,file,width", "cat,dog,image"])
def test_the_header_of_savetxt_is_read_although_it_is_a_comment(labelled, header: str) -> None:
    text = io.StringIO()
    cells = {"label": "cat", "width": "30", "cat": "1", "dog": "0"}
    rows = [[cells.get(column, name) for column in header.split(",")] for name in NAMES]
    np.savetxt(text, np.array(rows), fmt="%s", delimiter=",", header=header)
    assert text.getvalue().startswith("# ")
    assert labels(labelled("labels.csv", text.getvalue())) == dict.fromkeys(NAMES, "cat")


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_columns_of_shares_in_json_and_parquet_are_no_labels(labelled, kind: str) -> None:
    frame = pd.DataFrame({"image": NAMES, "cat": [0.1, 0.7, 0.3], "dog": [0.9, 0.3, 0.7]})
    content = parquet(frame) if kind == "parquet" else frame.to_json(orient="records")
    with pytest.raises(DatasetError, match=r"classes \(cat, dog\), but their cells are shares, not 0 and 1") as caught:
        labelled(f"labels.{kind}", content)
    assert "add a column `label`" in caught.value.fix


@pytest.mark.parametrize("name", ["labels.csv", "truth.csv"])
def test_shares_of_classes_are_no_labels_but_a_column_beside_them_is(labelled, name: str) -> None:
    rows = [("image", "cat", "dog", "bird"), *((each, "0,02", "0,96", "0,02") for each in NAMES)]
    shares = "\n".join(map(";".join, rows))
    with_labels = shares.replace("bird", "bird;label").replace("96;0,02", "96;0,02;dog")
    assert labels(labelled(name, with_labels)) == dict.fromkeys(NAMES, "dog")
    told = "its columns seem to be classes (cat, dog, bird), but their cells are shares, not 0 and 1. If these are true"
    with pytest.raises(DatasetError) as caught:
        labelled(name, shares)
    assert not isinstance(caught.value, UndecidedError) and told in str(caught.value)
    assert "add a column `label`" in caught.value.fix


@pytest.mark.parametrize(
    "no, yes, way_out", [("0.1", "0.9", "add a column `label`"), ("-1", "1", "write 1 in the column")]
)
def test_the_way_out_for_columns_of_classes_is_told_if_a_folder_may_be_a_class(
    make_zip: MakeZip, no: str, yes: str, way_out: str
) -> None:
    images = {f"images/{name}": encoded(picture(i)) for i, name in enumerate(NAMES)}
    table = f"image,cat,dog\na.png,{no},{yes}\nb.png,{yes},{no}\nc.png,{no},{yes}\n".encode()
    notes = open_dataset(make_zip({}, extra={**images, "GT.csv": table})).notes
    assert any("GT.csv cannot be used" in note and way_out in note for note in notes)


def test_shares_beside_another_column_are_not_offered(labelled) -> None:
    rows = [("image", "breed", "cat", "dog"), *((each, "pug", "0.1", "0.9") for each in NAMES[:2])]
    rows += [("d.png", "tabby", "0.9", "0.1"), ("e.png", "tabby", "0.9", "0.1")]
    with pytest.raises(UndecidedError) as caught:
        labelled("labels.csv", "\n".join(map(",".join, rows)))
    assert [answer.value for answer in caught.value.question.answers] == ["breed"]


def test_shares_are_no_names_of_images_that_are_numbers(labelled) -> None:
    with pytest.raises(DatasetError, match=r"classes \(cat, dog\), but their cells are shares"):
        labelled("labels.csv", "image,cat,dog\n0.png,0.9,0.1\n1.png,0.1,0.9\n", ("0.png", "1.png"))


def test_half_characters_in_file_names_can_be_stored(labelled) -> None:
    dataset = labelled("labels.json", '{"a.png": "cat", "x\\ud800.png": "dog"}')
    assert dataset.samples[-1].name == "x?.png" and dataset.samples[-1].label == "dog"


def test_text_that_parquet_holds_once_is_held_once() -> None:
    """A file of a few kilobytes may hold a million rows."""
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(500, np.int32)), ["x" * 1_000_000])
    data = parquet(pa.table({"file": long, "label": long}))
    assert len(data) < 200_000
    table = read_labels_file(data, "labels.parquet", ())
    assert len(table.files) == 500 and len(set(map(id, table.files))) == len(set(map(id, table.labels))) == 1


def test_parquet_that_expands_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = parquet(
        pd.DataFrame({"file": [f"{i:0100000}" for i in range(100)], "label": ["cat"] * 100}), use_dictionary=False
    )
    assert len(data) < 1_000_000
    monkeypatch.setattr(labels_file, "MAX_LABELS_BYTES", 5_000_000)
    with pytest.raises(DatasetError, match=r"unpacked it has more than 4 MB"):
        read_labels_file(data, "labels.parquet", ())


def test_two_labels_files_are_not_chosen_from(make_zip: MakeZip) -> None:
    table = b"file,label\na.png,cat\n"
    images = {"a.png": encoded(picture(1))}
    with pytest.raises(DatasetError, match=r"several tables that could be its labels: one\.csv \(1 rows"):
        open_dataset(make_zip({}, extra={**images, "one.csv": table, "two.csv": table}))
    dataset = open_dataset(make_zip({}, name="named.zip", extra={**images, "one.csv": table, "labels.csv": table}))
    assert [(s.name, s.label) for s in dataset.samples] == [("a.png", "cat")]


def test_class_folders_win_over_other_tables(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({"cat": 1, "dog": 1}, extra={"cat/sizes.csv": b"file,label\n0.png,dog\n"}))
    assert [(s.name, s.label) for s in dataset.samples][:2] == [("cat/0.png", "cat"), ("dog/0.png", "dog")]
    dataset = open_dataset(make_zip({"cat": 1}, name="one.zip", extra={"cat/sizes.csv": b"width,height\n1,2\n"}))
    assert dataset.samples[0].label == "cat" and "sizes.csv cannot be used" in " ".join(dataset.notes)


def test_metadata_that_says_something_else_leaves_the_class_folders(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({"cat": 1, "dog": 1}, extra={"metadata.json": b'{"author": "me"}'}))
    assert [s.label for s in dataset.samples] == ["cat", "dog"]
    assert "metadata.json names none of the 2 images" in " ".join(dataset.notes)


def test_a_folder_whose_labels_file_is_rewritten_is_opened_anew(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded(picture(1)))
    (folder / "labels.csv").write_text("file,label\na.png,cat\n")
    first = open_dataset(folder)
    (folder / "labels.csv").write_text("file,label\na.png,kitten\n")
    second = open_dataset(folder)
    assert (first.samples[0].label, second.samples[0].label) == ("cat", "kitten")


def test_very_many_rows_are_joined_in_seconds(make_zip: MakeZip) -> None:
    from dashboard.core.datasets.labelling import by_labels_file
    from dashboard.core.datasets.labels_file import read_labels_file

    names = [f"{i:06}.png" for i in range(50_000)]
    data = ("file,label\n" + "".join(f"{n},{i % 10}\n" for i, n in enumerate(names))).encode()
    start = time.process_time()
    labelling = by_labels_file(names, read_labels_file(data, "labels.csv", set()))
    assert time.process_time() - start < 3
    assert labelling.samples[49_999].label == "9" and labelling.samples.counts.tolist() == [5_000] * 10


def test_a_table_beside_each_image_is_no_labels_file(make_zip: MakeZip) -> None:
    sidecars = {f"{i}.png{end}": data for i in range(3) for end, data in (("", encoded(picture(i))), (".json", b"{}"))}
    dataset = open_dataset(make_zip({}, extra=sidecars))
    assert [s.label for s in dataset.samples] == [None] * 3
    assert "3 files that are not images are ignored: 0.png.json, 1.png.json" in " ".join(dataset.notes)


def test_file_names_are_the_same_however_their_accents_are_written(make_zip: MakeZip) -> None:
    composed, taken_apart = "caf\u00e9.png", "cafe\u0301.png"
    table = f"file,label\n{composed},cat\n".encode()
    dataset = open_dataset(make_zip({}, extra={taken_apart: encoded(picture(1)), "labels.csv": table}))
    assert [(s.name, s.label) for s in dataset.samples] == [(taken_apart, "cat")]


def test_names_come_before_numbers(labelled) -> None:
    """The numbers may count the classes in another order than the model."""
    table = "image_id,label,label_name\na,1,cat\nb,0,dog\nc,1,cat\n"
    assert labels(labelled("labels.csv", table)) == ALL
