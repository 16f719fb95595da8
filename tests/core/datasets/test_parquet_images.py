"""Parquet with images, in the layout of Hugging Face and in others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import open_dataset, open_unchanged
from dashboard.core.errors import DatasetError, ImageError
from tests.conftest import encoded, picture

FILES = [encoded(picture(i)) for i in range(7)]
NAMES = ("cat", "dog", "frog")
LABELS = [0, 1, 2, 0, 1, 2, -1]


def hugging_face(path: Path, rows: slice = slice(None), **options: object) -> Path:
    """A table in the layout that the library `datasets` writes."""
    features = {"img": {"_type": "Image"}, "label": {"names": list(NAMES), "_type": "ClassLabel"}}
    table = pa.table(
        {
            "img": pa.array([{"bytes": data, "path": None} for data in FILES[rows]], pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            "label": pa.array(LABELS[rows], pa.int64()),
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})  # fmt: skip
    pq.write_table(table, path, **options)
    return path


def test_hugging_faces_layout_names_its_classes(tmp_path: Path) -> None:
    dataset = open_dataset(hugging_face(tmp_path / "test.parquet", row_group_size=3))
    assert [s.label for s in dataset.samples] == ["cat", "dog", "frog", "cat", "dog", "frog", None]
    assert dataset.samples[3].name == "row 3" and "column img" in dataset.notes[0]
    for i in (0, 1, 6, 2, 5, 4, 4):  # across row groups, forwards and backwards
        assert np.array_equal(dataset.image(i), picture(i))


def test_paths_are_names_where_every_row_has_one(tmp_path: Path) -> None:
    rows = [{"bytes": data, "path": f"x/{i}.png"} for i, data in enumerate(FILES)]
    pq.write_table(pa.table({"image": rows, "label": [str(i % 2) for i in range(7)]}), tmp_path / "x.parquet")
    dataset = open_dataset(tmp_path / "x.parquet")
    assert [(s.name, s.label) for s in dataset.samples][:2] == [("x/0.png", "0"), ("x/1.png", "1")]
    assert np.array_equal(dataset.image(6), picture(6))


@pytest.mark.parametrize("column", ["label_text", "text", "name", "category"])
def test_a_column_of_text_names_class_ids(tmp_path: Path, column: str) -> None:
    path, ids = tmp_path / "x.parquet", [4, 7, 4, 7, 4, 7, -1]
    texts = [{4: "dog", 7: "cat"}.get(i) for i in ids]
    pq.write_table(pa.table({"image": FILES, "label": ids, column: texts}), path)
    dataset = open_dataset(path)
    assert [s.label for s in dataset.samples] == texts and dataset.samples[1].name == "row 1"
    assert (
        f"x.parquet has class ids in the column label, and their names in {column}. The names are used."
        in dataset.notes
    )
    pq.write_table(pa.table({"image": FILES, "label": ids, column: [f"Picture {i}" for i in range(7)]}), path)
    assert [s.label for s in open_dataset(path).samples] == [*map(str, ids[:6]), "-1"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_binary_column_and_names_of_classes(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table(
        {"image_bytes": pa.array(FILES, kind), "category": ["cat"] * 7, "file_name": [f"{i}" for i in range(7)]}
    )
    pq.write_table(table, tmp_path / "x.parquet")
    dataset = open_dataset(tmp_path / "x.parquet")
    assert {s.label for s in dataset.samples} == {"cat"} and dataset.samples[2].name == "2"
    assert np.array_equal(dataset.image(2), picture(2))


def test_columns_of_labels_that_contradict_each_other_and_rows_without_a_label_are_told(tmp_path: Path) -> None:
    names = ["cat", "dog", "cat", "dog", "cat", "dog", None]
    for ids, contradict in (([0, 1, 0, 1, 0, 1, 0], False), ([0, 1, 0, 1, 0, 0, 0], True)):
        texts = pa.array(names, pa.large_string())
        table = pa.table({"image": pa.array(FILES, pa.binary()), "label": texts, "category": texts, "class_id": ids})
        pq.write_table(table, tmp_path / "x.parquet")
        notes = open_dataset(tmp_path / "x.parquet").notes
        told = "x.parquet has several columns that may hold labels: label is used, class_id is not."
        assert (told in notes) is contradict
        assert "1 row has no label, so not compared." in notes


def test_without_labels(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array(FILES, pa.binary())}), tmp_path / "x.parquet")
    dataset = open_dataset(tmp_path / "x.parquet")
    assert {s.label for s in dataset.samples} == {None} and "not compared" in dataset.notes[0]


def test_one_bad_cell_concerns_its_row_only(tmp_path: Path) -> None:
    cells = [FILES[0], None, b"no image", FILES[3][:200], FILES[4]]
    pq.write_table(
        pa.table({"image": pa.array(cells, pa.binary()), "label": [1, 2, None, 4, 5]}), tmp_path / "x.parquet"
    )
    dataset = open_dataset(tmp_path / "x.parquet")
    codes = {}
    for i in range(5):
        try:
            codes[i] = str(np.array_equal(dataset.image(i), picture(i)))
        except ImageError as error:
            codes[i] = error.code
    assert codes == {0: "True", 1: "missing", 2: "not_an_image", 3: "truncated", 4: "True"}
    assert [s.label for s in dataset.samples] == ["1", "2", None, "4", "5"]


def test_a_shard_that_is_damaged_or_different_is_named(tmp_path: Path) -> None:
    hugging_face(tmp_path / "a.parquet", slice(0, 4))
    pq.write_table(pa.table({"image": pa.array(FILES, pa.binary())}), tmp_path / "b.parquet")
    with pytest.raises(DatasetError, match=r"b\.parquet has other columns than a\.parquet"):
        open_dataset(tmp_path)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DatasetError, match=r"cannot be read: b\.parquet: "):
        open_dataset(tmp_path)


def test_a_folder_of_shards_is_one_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    hugging_face(folder / "test-00000-of-00002.parquet", slice(0, 4))
    hugging_face(folder / "test-00001-of-00002.parquet", slice(4, 7))
    for path in (folder, folder / "test-*.parquet"):
        dataset = open_dataset(path)
        assert [s.label for s in dataset.samples] == ["cat", "dog", "frog", "cat", "dog", "frog", None]
        for i in (0, 4, 6, 3):
            assert np.array_equal(dataset.image(i), picture(i))
        assert len(open_unchanged(path, dataset.samples[2:5]).fingerprint) == 64


@pytest.mark.parametrize("beside", [(), ("train-00000-of-00001",)])
def test_missing_shards_are_said(tmp_path: Path, beside: tuple[str, ...]) -> None:
    for name in ("test-00000-of-00004", "test-00003-of-00004", *beside):
        hugging_face(tmp_path / f"{name}.parquet")
    dataset = open_dataset(tmp_path)
    said = "2 of 4 shards are missing: test-00001-of-00004.parquet, test-00002-of-00004.parquet."
    assert len(dataset.samples) == 14 and dataset.notes[1 if beside else 0] == said
    for name in ("test-00001-of-00004", "test-00002-of-00004"):
        hugging_face(tmp_path / f"{name}.parquet")
    assert not any("missing" in note for note in open_dataset(tmp_path).notes)
    assert not any("missing" in note for note in open_dataset(hugging_face(tmp_path / "a-1-of-2.parquet")).notes)


def test_shards_that_git_lfs_did_not_fetch_are_told(tmp_path: Path) -> None:
    hugging_face(tmp_path / "test-00000-of-00002.parquet")
    (tmp_path / "test-00001-of-00002.parquet").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid 1\n")
    with pytest.raises(DatasetError, match=r"test-00001-of-00002\.parquet .* pointer of Git LFS") as refused:
        open_dataset(tmp_path)
    assert "git lfs pull" in refused.value.fix


def test_shards_of_one_split_beside_others_are_said_to_be_pooled(tmp_path: Path) -> None:
    for name in ("test", "extra"):
        hugging_face(tmp_path / f"{name}.parquet")
    said = "Files of the split test and of no split are read together: extra.parquet, test.parquet."
    assert open_dataset(tmp_path).notes[0] == said


def test_shards_may_be_counted_from_1(tmp_path: Path) -> None:
    for name in ("a-1-of-2", "a-2-of-2"):
        hugging_face(tmp_path / f"{name}.parquet")
    assert not any("missing" in note for note in open_dataset(tmp_path).notes)


def test_there_may_be_more_shards_than_files_may_be_open(tmp_path: Path, few_open_files: int) -> None:
    for i in range(2 * few_open_files):
        hugging_face(tmp_path / f"{i:03}.parquet", slice(i % 7, i % 7 + 1))
    dataset = open_dataset(tmp_path)
    for i in range(2 * few_open_files):
        assert np.array_equal(dataset.image(i), picture(i % 7))


def test_columns_that_say_nothing_are_listed(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"a": pa.array(FILES, pa.binary()), "b": pa.array(FILES, pa.binary())}), tmp_path / "x.parquet"
    )
    with pytest.raises(DatasetError, match=r"which column holds the images; it has a \(binary\), b \(binary\)"):
        open_dataset(tmp_path / "x.parquet")


def test_labels_that_are_none(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array(FILES, pa.binary()), "label": [0.5] * 7}), tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=r"'0\.5' is not a label"):
        open_dataset(tmp_path / "x.parquet")
    pq.write_table(pa.table({"image": pa.array(FILES, pa.binary()), "label": [True] * 7}), tmp_path / "y.parquet")
    with pytest.raises(DatasetError, match=r"column label of y\.parquet holds bool") as caught:
        open_dataset(tmp_path / "y.parquet")
    assert "class ids or names" in caught.value.fix


def test_two_columns_of_the_same_name(tmp_path: Path) -> None:
    arrays = [pa.array(FILES, pa.binary()), pa.array(LABELS), pa.array(LABELS)]
    pq.write_table(pa.table(arrays, names=["image", "label", "label"]), tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match="two columns have the same name"):
        open_dataset(tmp_path / "x.parquet")


def test_damage_gives_dataset_errors_and_image_errors_only(tmp_path: Path) -> None:
    data = hugging_face(tmp_path / "x.parquet", compression="none").read_bytes()
    rng = np.random.default_rng(2)
    outcomes = set()
    for i in range(80):
        path = tmp_path / f"{i}.parquet"
        damaged = bytearray(data)
        for place in rng.integers(4, len(data), 4):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged if i % 4 else damaged[: int(rng.integers(0, len(data)))])
        try:
            dataset = open_dataset(path)
            for sample in dataset.samples:
                try:
                    dataset.image(sample.index)
                    outcomes.add("image")
                except ImageError:
                    outcomes.add("reason")
        except DatasetError as error:
            assert path.name in error.message
            outcomes.add("refused")
    assert outcomes == {"image", "reason", "refused"}


def most_allocated(path: Path, count: int) -> int:
    """The most bytes that Arrow allocates while it reads all samples, none of which is an image."""
    dataset = open_dataset(path)
    before, most = pa.total_allocated_bytes(), 0
    for i in range(count):
        with pytest.raises(ImageError, match="not an image"):
            dataset.image(i)
        most = max(most, pa.total_allocated_bytes() - before)
    return most


def test_large_images_are_read_few_at_a_time(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 4_000_000), np.uint8)
    pages = {"use_dictionary": False, "write_batch_size": 1, "data_page_size": 2**20}
    pq.write_table(
        pa.table({"image": pa.array([r.tobytes() for r in noise], pa.binary())}), tmp_path / "x.parquet", **pages
    )
    del noise
    assert 0 < most_allocated(tmp_path / "x.parquet", 40) < 100 * 2**20  # of 160 MB


def test_one_large_row_group_is_read_piece_by_piece(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 200_000), np.uint8)
    cells = [row.tobytes() for row in noise]
    pages = {"use_dictionary": False, "write_batch_size": 8, "data_page_size": 2**20}  # a page is read as a whole
    pq.write_table(pa.table({"image": pa.array(cells, pa.binary())}), tmp_path / "x.parquet", **pages)
    del noise, cells
    assert 0 < most_allocated(tmp_path / "x.parquet", 400) < 50 * 2**20  # of 80 MB


def test_a_column_with_fewer_rows_than_the_others_is_damage(tmp_path: Path) -> None:
    count = 5_001
    whole = hugging_face(tmp_path / "whole.parquet")
    table = pq.read_table(whole).take(pa.array(np.arange(count) % len(FILES)))
    pq.write_table(table.append_column("age", pa.array(np.arange(count))), tmp_path / "x.parquet", use_dictionary=False)
    data = (tmp_path / "x.parquet").read_bytes()
    said, fewer = (bytes([(2 * n & 127) | 128, 2 * n >> 7]) for n in (count, count - 1))  # as Thrift writes numbers
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    at = data.rindex(said, 0, data.rindex(said, 0, footer))  # a page says it twice; the first is how many values it has
    (tmp_path / "x.parquet").write_bytes(data[:at] + fewer + data[at + len(said) :])
    dataset = open_dataset(tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match="it is damaged: age should have 5,001 rows, and has 5,000"):
        dataset.attributes()
