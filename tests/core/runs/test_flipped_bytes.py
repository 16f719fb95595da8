"""A byte that changed on the disk is found by the checksums of the pages, and never becomes another value."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.measuring import measure
from dashboard.core.runs.folder import RunFolder
from tests.run_rows import manifest, ok, table_of

ROWS = [ok(0, "cat", "cat"), ok(1, "dog", "cat"), ok(2, "dog", "dog"), ok(3, None, "cat")]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / manifest().run_id)
    folder.save(manifest())
    folder.add_part(0, table_of(ROWS))
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_no_flipped_byte_changes_a_row(folder: RunFolder, packed: bool) -> None:
    if packed:
        measure(folder)
    expected = folder.load().table
    [path] = folder.path.glob("*.parquet")
    whole, found = path.read_bytes(), {"refused": 0, "same": 0}
    for place in range(4, len(whole) - 8, 11):
        damaged = bytearray(whole)
        damaged[place] ^= 0x21
        path.write_bytes(damaged)
        try:
            same = folder.load().table.equals(expected)
        except DatasetError as error:
            assert error.code == "run_damaged"
            found["refused"] += 1
        else:
            assert (
                same or place > len(whole) - int.from_bytes(whole[-8:-4], "little") - 8
            )  # no checksum covers the footer
            found["same"] += same
    assert found["refused"] > found["same"]


def test_rows_without_checksums_are_read_and_a_value_that_cannot_be_is_damage(folder: RunFolder) -> None:
    [path] = folder.path.glob("*.parquet")
    rows = pq.read_table(path)
    pq.write_table(rows, path)
    assert len(folder.load().table) == 4
    labels = pa.array(["cat", "#at", "dog", None])
    pq.write_table(rows.set_column(rows.column_names.index("true_label"), "true_label", labels), path)
    with pytest.raises(DatasetError, match="true_label"):
        folder.load()


@pytest.mark.parametrize("index", [[0, 1, 1, 2], [0, 1, 2, 9], [0, 1, 2, -1]])
def test_an_image_counted_twice_is_damage(folder: RunFolder, index: list[int]) -> None:
    [path] = folder.path.glob("*.parquet")
    rows = pq.read_table(path)
    pq.write_table(rows.set_column(0, "index", pa.array(index)), path)
    with pytest.raises(DatasetError, match="one row for each image"):
        folder.load()
