"""Attributes: the columns of a table besides those of files and labels, in the order of the samples."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import attributes as attributes_module
from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.attributes import Attributes, from_text, from_values, joined
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.errors import DatasetError
from tests.conftest import MakeZip, encoded, picture

IMAGES = {name: encoded(picture(i)) for i, name in enumerate(("a.png", "b.png", "c.png"))}
RECORDS = [
    {"file_name": "c.png", "label": "cat", "camera": "left", "age": 30, "dose": 0.5, "smoker": True},
    {"file_name": "a.png", "label": "dog", "camera": "right", "age": 7, "dose": 2.0, "smoker": False},
]
WANTED = {  # b.png has no row
    "camera": ["right", None, "left"],
    "age": [7, None, 30],
    "dose": [2.0, None, 0.5],
    "smoker": [False, None, True],
}
TYPES = [pa.string(), pa.int64(), pa.float64(), pa.bool_()]


def found(path: Path, choices: Choices | None = None) -> Attributes:
    attributes = (open_dataset(path, choices) if choices else open_dataset(path)).attributes()
    assert attributes is not None
    return attributes


def parquet(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


TABLES = {
    "labels.csv": pd.DataFrame(RECORDS).to_csv(index=False).encode(),
    "metadata.csv": pd.DataFrame(RECORDS).to_csv(index=False, sep=";").encode(),
    "labels.json": json.dumps(RECORDS).encode(),
    "metadata.jsonl": "\n".join(map(json.dumps, RECORDS)).encode(),
    "labels.parquet": parquet(pa.Table.from_pylist(RECORDS)),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_table_keeps_its_other_columns(make_zip: MakeZip, name: str) -> None:
    dataset = open_dataset(make_zip({}, extra={**IMAGES, name: TABLES[name]}))
    attributes = dataset.attributes()
    assert [sample.name for sample in dataset.samples] == ["a.png", "b.png", "c.png"]
    assert attributes is not None and attributes.columns.to_pydict() == WANTED and attributes.notes == ()
    assert attributes.columns.schema.types == TYPES


@pytest.mark.parametrize("name", TABLES)
def test_a_table_beside_the_archive_keeps_them_too(make_zip: MakeZip, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(TABLES[name])
    choices = Choices(labels=str(tmp_path / name))
    path = make_zip({}, extra=IMAGES)
    assert found(path, choices).columns.to_pydict() == WANTED
    assert found(describe(path, choices, tmp_path / "described")).columns.to_pydict() == WANTED


def test_rows_for_no_image_keep_theirs(make_zip: MakeZip) -> None:
    """Such a row is a sample that cannot be read."""
    table = b"file,label,age\nb.png,cat,2\nnowhere.png,dog,9\na.png,cat,1\na.png,cat,5\n"
    dataset = open_dataset(make_zip({}, extra={**IMAGES, "labels.csv": table}))
    assert [sample.name for sample in dataset.samples][3:] == ["nowhere.png"]
    attributes = dataset.attributes()
    assert attributes is not None and attributes.columns.to_pydict() == {"age": [1, 2, None, 9]}, "the first row counts"


@pytest.mark.parametrize("table", ["file,label\na.png,cat\n", "a.png,cat\nb.png,dog\n"])
def test_a_table_of_files_and_labels_has_no_others(make_zip: MakeZip, table: str) -> None:
    assert open_dataset(make_zip({}, extra={**IMAGES, "labels.csv": table.encode()})).attributes() is None


def test_datasets_without_a_table_have_none(make_zip: MakeZip, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 8, 8, 3), np.uint8), labels=np.array([0, 1]))
    for path in (make_zip({"cat": 2}), tmp_path / "x.npz"):
        assert open_dataset(path).attributes() is None


def test_a_column_of_splits_is_no_class_of_one_hot_labels(make_zip: MakeZip) -> None:
    rows = "file,cat,dog,is_test\na.png,1,0,1\nb.png,0,1,1\nc.png,1,0,0\n"
    pictures = {f"{name}.png": encoded(picture(i)) for i, name in enumerate("abc")}
    dataset = open_dataset(make_zip({}, extra={**pictures, "labels.csv": rows.encode()}), Choices(split="test"))
    assert [(sample.name, sample.label) for sample in dataset.samples] == [("a.png", "cat"), ("b.png", "dog")]


def test_other_columns_of_one_hot_labels(make_zip: MakeZip) -> None:
    table = b"image,MEL,NV,age\na,1,0,40\nb,0,1,\nc,0,1,61\n"
    assert found(make_zip({}, extra={**IMAGES, "truth.csv": table})).columns.to_pydict() == {"age": [40, None, 61]}


def test_splits_with_a_table_each_are_joined(make_zip: MakeZip) -> None:
    files = {f"{split}/{name}": data for split in ("train", "test") for name, data in list(IMAGES.items())[:2]}
    files["train/metadata.csv"] = b"file_name,label,age,site\na.png,cat,1,x\nb.png,dog,2,y\n"
    files["test/metadata.csv"] = b"file_name,label,age\na.png,cat,3.5\nb.png,dog,\n"
    path = make_zip({}, extra=files)
    every = open_dataset(path, Choices(split="all"))
    by_name = dict(zip(every.samples.names, found(path, Choices(split="all")).columns.to_pylist(), strict=True))
    assert by_name == {
        "train/a.png": {"age": 1.0, "site": "x"}, "train/b.png": {"age": 2.0, "site": "y"},
        "test/a.png": {"age": 3.5, "site": None}, "test/b.png": {"age": None, "site": None},
    }  # fmt: skip
    assert found(path, Choices(split="test")).columns.to_pydict() == {"age": [3.5, None]}


@pytest.fixture
def rows_with_images(tmp_path: Path) -> Path:
    table = pa.table({
        "image": [{"bytes": data, "path": name} for name, data in IMAGES.items()],
        "label": pa.array([0, 1, 0]),
        "coarse_label": pa.array([1, 0, -1]),
        "camera": ["left", None, "right"],
        "age": pa.array([1, 2, 3], pa.uint8()),
        "score": pa.array([0.5, float("nan"), 2.0], pa.float32()),
        "taken": pa.array(pd.to_datetime(["2024-05-01", "2024-05-02", None])),
        "boxes": [[1], [], [2]],
        "mask": [b"1", b"2", b"3"],
        "empty": pa.nulls(3),
    })  # fmt: skip
    classes = {"label": ["cat", "dog"], "coarse_label": ["pet", "wild"]}
    features = {column: {"names": names, "_type": "ClassLabel"} for column, names in classes.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    path = tmp_path / "rows.parquet"
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=2)
    return path


def test_columns_beside_the_images_in_parquet(rows_with_images: Path) -> None:
    attributes = found(rows_with_images)
    assert attributes.columns.to_pydict() == {
        "coarse_label": ["wild", "pet", None],
        "camera": ["left", None, "right"],
        "age": [1, 2, 3],
        "score": [0.5, None, 2.0],
        "taken": ["2024-05-01 00:00:00.000000", "2024-05-02 00:00:00.000000", None],
    }
    assert attributes.notes == (
        "Columns of rows.parquet that images cannot be filtered by: boxes (lists or objects), mask (binary data).",
    )


def test_shards_follow_each_other(rows_with_images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for i in range(2):
        (folder / f"test-0000{i}-of-00002.parquet").write_bytes(rows_with_images.read_bytes())
    assert found(folder).columns["camera"].to_pylist() == ["left", None, "right"] * 2


@pytest.mark.parametrize(
    "cells, wanted",
    [
        (["1", " -2 ", "", "NA"], [1, -2, None, None]),
        (["1", "2.5", "1e3", "nan"], [1.0, 2.5, 1000.0, None]),
        ([".5", "-0.25", "+3."], [0.5, -0.25, 3.0]),
        (["true", "False", "None", "YES", "no"], [True, False, None, True, False]),
        (["007", "12"], ["007", "12"]),  # zeros in front belong to the name of something
        (["1234567890123456", "1"], ["1234567890123456", "1"]),  # an id, too long to compute with
        (["0x1F", "1"], ["0x1F", "1"]),
        (["1_000", "2"], ["1_000", "2"]),
        (["None", "", "left"], ["None", None, "left"]),
        (["1,5", "2"], ["1,5", "2"]),
        (["na", ""], ["na", None]),
        (["+1", "-2", "3", ""], [1, -2, 3, None]),
        (["+1.5", "+2", "-.5"], [1.5, 2.0, -0.5]),
        (["1e999", "2"], ["1e999", "2"]),  # too large for a number
        (["-1e400", ""], ["-1e400", None]),
        (["inf", "1"], ["inf", "1"]),
    ],
)
def test_the_type_of_cells_is_the_narrowest_that_fits_all(cells: list[str], wanted: list[object]) -> None:
    values = from_text(pa.chunked_array([cells])).to_pylist()
    assert values == wanted and [type(v) for v in values] == [type(v) for v in wanted]


@pytest.mark.parametrize(
    "cells, wanted",
    [
        (["0,0", " 99,5 ", "", "12"], [0.0, 99.5, None, 12.0]),
        (["-1,5", "+,5", "1,5e3"], [-1.5, 0.5, 1500.0]),
        (["1", "2"], [1, 2]),
        (["1.5", "2"], [1.5, 2.0]),
        (["1,5", "2.5"], ["1,5", "2.5"]),
        (["1.234,5", "2,0"], ["1.234,5", "2,0"]),
        (["1,2,3", "2,0"], ["1,2,3", "2,0"]),
        (["1,5e999", "2,0"], ["1,5e999", "2,0"]),
        (["left", "2,0"], ["left", "2,0"]),
    ],
)
def test_numbers_between_semicolons_may_have_a_decimal_comma(cells: list[str], wanted: list[object]) -> None:
    values = from_text(pa.chunked_array([cells]), ";").to_pylist()
    assert values == wanted and [type(v) for v in values] == [type(v) for v in wanted]


@pytest.mark.parametrize(
    "table, wanted",
    [
        ("Datei;Klasse;Gewicht\na.png;cat;0,0\nb.png;dog;99,5\n", [0.0, 99.5, None]),
        ("sep=;\r\nDatei;Klasse;Gewicht\r\na.png;cat;0,0\r\nb.png;dog;99,5\r\n", [0.0, 99.5, None]),
        ('Datei,Klasse,Gewicht\na.png,cat,"0,0"\nb.png,dog,"99,5"\n', ["0,0", "99,5", None]),
    ],
)
def test_a_table_of_a_german_spreadsheet_has_numbers(make_zip: MakeZip, table: str, wanted: list[object]) -> None:
    path = make_zip({}, extra={**IMAGES, "labels.csv": table.encode()})
    assert found(path).columns.to_pydict() == {"Gewicht": wanted}


@pytest.mark.parametrize(
    "values, wanted",
    [
        ([1, None, 3], [1, None, 3]),
        ([1, 2.5], [1.0, 2.5]),
        ([True, None], [True, None]),
        ([True, 1], ["True", "1"]),
        (["7", 7], ["7", "7"]),
        ([2**70, 1], [str(2**70), "1"]),
        (["\ud800"], ["?"]),
        ([float("nan"), 2.5], [None, 2.5]),
        ([float("inf"), 2], ["inf", "2"]),
    ],
)
def test_the_type_of_json_values(values: list[object], wanted: list[object]) -> None:
    found = from_values(values).to_pylist()
    assert found == wanted and [type(v) for v in found] == [type(v) for v in wanted]


def test_numbers_with_a_sign_do_not_stop_an_evaluation(make_zip: MakeZip) -> None:
    table = b"file,label,exposure,dose\na.png,cat,+1,1e999\nb.png,dog,-1,2\nc.png,cat,0,3\n"
    columns = found(make_zip({}, extra={**IMAGES, "labels.csv": table})).columns
    assert columns.to_pydict() == {"exposure": [1, -1, 0], "dose": ["1e999", "2", "3"]}


@pytest.mark.parametrize("name", ["labels.csv", "metadata.jsonl", "labels.parquet"])
def test_very_long_values_and_lists_are_left_out_with_a_note(make_zip: MakeZip, name: str) -> None:
    long = {"file": "a.png", "label": "cat", "text": "x" * 40_000, "age": 1}
    content = {
        "labels.csv": pd.DataFrame([long]).to_csv(index=False).encode(),
        "metadata.jsonl": json.dumps({**long, "boxes": [1]}).encode(),
        "labels.parquet": parquet(pa.Table.from_pylist([{**long, "boxes": [1]}])),
    }[name]
    attributes = found(make_zip({}, extra={**IMAGES, name: content}))
    assert attributes.columns.column_names == ["age"]
    boxes = "" if name == "labels.csv" else ", boxes (lists or objects)"
    [note] = attributes.notes
    assert note == f"Columns of {name} that images cannot be filtered by: text (values longer than 32 KB){boxes}."


def test_a_column_that_would_fill_the_memory_is_left_out(make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet stores an equal value once, however many rows have it."""
    monkeypatch.setattr(attributes_module, "MOST_COLUMN_BYTES", 2**20)
    rows = [{"file": f"{i}.png", "label": "cat", "text": "x" * 10_000} for i in range(1000)]
    table = parquet(pa.Table.from_pylist([{"file": "a.png", "label": "cat", "text": "x" * 10_000}, *rows]))
    assert len(table) < 2**16
    attributes = found(make_zip({}, extra={**IMAGES, "labels.parquet": table}))
    assert attributes.columns.num_columns == 0 and "text (larger than " in attributes.notes[0]


def test_of_very_many_columns_the_first_are_kept(make_zip: MakeZip) -> None:
    header = ",".join(["file", "label", *(f"f{i}" for i in range(150))])
    table = f"{header}\na.png,cat{',1' * 150}\n".encode()
    attributes = found(make_zip({}, extra={**IMAGES, "labels.csv": table}))
    assert attributes.columns.column_names == [f"f{i}" for i in range(100)]
    assert "all after the first 100" in attributes.notes[0]


def test_a_table_that_has_lost_rows_meanwhile_is_not_mixed_up(make_zip: MakeZip, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label,age\na.png,cat,1\nb.png,dog,2\n")
    dataset = open_dataset(make_zip({}, extra=IMAGES), Choices(labels=str(labels)))
    labels.write_text("file,label,age\na.png,cat,1\n")
    with pytest.raises(DatasetError, match="was changed meanwhile"):
        dataset.attributes()


def test_parts_without_attributes_have_nulls() -> None:
    one = Attributes(pa.table({"age": [1, 2]}), ("a note",))
    other = Attributes(pa.table({"age": ["old"]}), ("a note",))
    both = joined([one, None, other], [2, 1, 1])
    assert both == Attributes(pa.table({"age": ["1", "2", None, "old"]}), ("a note",))
    assert joined([None, None], [1, 2]) is None
