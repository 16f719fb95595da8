"""A bit that changed on the disk is found by the checksum of the file, and never becomes another value."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.measuring import measure
from dashboard.core.runs.attributes import AttributeFile
from dashboard.core.runs.checked_json import read_checked_json
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import STORED, RowFiles, read_notes
from tests.run_rows import NAMES, manifest, ok, table_of

ROWS = [ok(0, "cat", "cat"), ok(1, "dog", "cat"), ok(2, "dog", "dog"), ok(3, None, "cat")]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / manifest().run_id)
    folder.save(manifest())
    folder.add_part(0, table_of(ROWS), {"was turned upright": 2})
    return folder


def no_flipped_bit_changes(path: Path, content: Callable[[Path], object]) -> None:
    """Flips one bit of each byte, each in a file of its own: reading must fail, or give the same as before."""
    whole, expected, chance, same = path.read_bytes(), content(path), random.Random(7), []
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        copy = path.with_name(f"{place}-{path.name}")
        copy.write_bytes(damaged)
        try:
            assert content(copy) == expected, place
            same.append(place)
        except (OSError, DatasetError):
            pass
        copy.unlink()
    # only the words before the checksum may change: without them, the file seems to have none
    assert len(same) <= len(b"CRC-32 of the other bytes: ") and same == [*range(same[0], same[-1] + 1)]


@pytest.mark.parametrize("packed", [False, True])
def test_no_flipped_bit_changes_a_row_or_a_note(folder: RunFolder, packed: bool) -> None:
    if packed:
        measure(folder)
    [path] = folder.path.glob("*.parquet")
    no_flipped_bit_changes(
        path, lambda path: (RowFiles([path], NAMES).arrow(STORED.names).to_pylist(), read_notes(path))
    )


def test_no_flipped_bit_changes_a_further_column(folder: RunFolder) -> None:
    folder.keep_attributes(pa.table({"weather": ["sun", None, "rain", "sun"], "age": [1, 2, 3, 4]}))

    def content(path: Path) -> object:
        with tempfile.TemporaryDirectory() as place:
            shutil.copy(path, Path(place) / "attributes.parquet")
            columns = AttributeFile(Path(place))
            if columns.fault:
                raise columns.fault
            return columns.take(np.arange(4)).to_pylist()

    no_flipped_bit_changes(folder.path / "attributes.parquet", content)


def no_flipped_bit_changes_json(path: Path, content: Callable[[], object]) -> None:
    """Flips one bit of each byte of a JSON file. Where reading succeeds, it must give the same as before."""
    whole, expected, chance, refused = path.read_bytes(), content(), random.Random(7), 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            assert content() == expected, place
        except (OSError, ValueError, DatasetError):
            refused += 1
    path.write_bytes(whole)
    assert len(whole) - refused <= len('{\n  "crc32": "01234567",\n')


def test_no_flipped_bit_changes_a_metric(folder: RunFolder) -> None:
    measure(folder)

    def content() -> object:
        record = json.loads(read_checked_json(folder.evaluation_file, 2**20))
        return {name: value for name, value in record.items() if name in wanted}

    wanted = {*json.loads(folder.evaluation_file.read_bytes())} - {"crc32"}
    no_flipped_bit_changes_json(folder.evaluation_file, content)
    measured = folder.load().evaluation()
    assert measured and measured.accuracy.n == 3


def test_no_flipped_bit_changes_the_manifest(folder: RunFolder) -> None:
    no_flipped_bit_changes_json(folder.path / "manifest.json", folder.manifest)
    (folder.path / "manifest.json").write_text((folder.path / "manifest.json").read_text().replace("dog", "dig"))
    with pytest.raises(DatasetError, match=r"manifest.json: its checksum does not match") as caught:
        folder.manifest()
    assert caught.value.code == "run_damaged"


def test_no_flipped_bit_changes_what_people_noted(folder: RunFolder) -> None:
    folder.annotate(lambda found: replace(found.tagged("odd", [1, 2]), note="seen", verdict="accepted"))
    no_flipped_bit_changes_json(folder.path / "annotations.json", folder.annotations)


def test_a_flipped_bit_is_told_and_a_sound_file_can_be_read_by_other_programs(folder: RunFolder) -> None:
    measure(folder)
    [path] = folder.path.glob("*.parquet")
    assert pq.read_table(path)["file"].to_pylist() == [row.file for row in ROWS]
    damaged = bytearray(path.read_bytes())
    damaged[-20] ^= 1  # in the footer
    path.write_bytes(damaged)
    with pytest.raises(DatasetError, match=r"rows.parquet: its checksum does not match") as caught:
        folder.load()
    assert caught.value.code == "run_damaged"


@pytest.mark.parametrize("change", ["type", "name"])
def test_a_damaged_footer_without_a_checksum_is_damage(folder: RunFolder, tmp_path: Path, change: str) -> None:
    [path] = folder.path.glob("*.parquet")
    rows = pq.read_table(path)
    place = rows.column_names.index("confidence")
    column = rows["confidence"].cast(pa.float32()) if change == "type" else rows["confidence"]
    pq.write_table(rows.set_column(place, "confidence" if change == "type" else "confidencf", column), path)
    with pytest.raises(DatasetError, match="confidenc") as caught:
        folder.load()
    assert caught.value.code == "run_damaged"
    with pytest.raises(OSError, match="confidenc"):
        RowFiles([path], NAMES).pack(tmp_path / "packed.parquet")


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
