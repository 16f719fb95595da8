"""A bit that changed on the disk is found by the checksum of the file, and never becomes another value."""

from __future__ import annotations

import json
import random
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.access.visitor import Visitor
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.measuring import measure
from dashboard.core.runs.array_file import ArrayFile, file_content
from dashboard.core.runs.attributes import AttributeFile
from dashboard.core.runs.checked_json import read_checked_json
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import STORED, RowFiles, read_notes
from tests.conftest import picture
from tests.run_rows import NAMES, manifest, ok, table_of

ROWS = [ok(0, "cat", "cat"), ok(1, "dog", "cat"), ok(2, "dog", "dog"), ok(3, None, "cat")]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / manifest().run_id)
    folder.save(manifest(state="finished"))
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
    folder.beside.attributes.keep(pa.table({"weather": ["sun", None, "rain", "sun"], "age": [1, 2, 3, 4]}))

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
        record = json.loads(read_checked_json(folder.beside.evaluation_file))
        return {name: value for name, value in record.items() if name in wanted}

    wanted = {*json.loads(folder.beside.evaluation_file.read_bytes())} - {"crc32"}
    no_flipped_bit_changes_json(folder.beside.evaluation_file, content)
    measured = folder.load().evaluation()
    assert measured and measured.accuracy.n == 3


def test_no_flipped_bit_changes_the_manifest(folder: RunFolder) -> None:
    no_flipped_bit_changes_json(folder.path / "manifest.json", folder.manifest)
    (folder.path / "manifest.json").write_text((folder.path / "manifest.json").read_text().replace("dog", "dig"))
    with pytest.raises(DatasetError, match=r"manifest.json: its checksum does not match") as caught:
        folder.manifest()
    assert caught.value.code == "run_damaged"


def test_no_flipped_bit_changes_what_people_noted(folder: RunFolder) -> None:
    folder.beside.annotate(lambda found: replace(found.tagged("odd", [1, 2]), note="seen", verdict="accepted"))
    no_flipped_bit_changes_json(folder.path / "annotations.json", folder.beside.annotations)


def test_each_flipped_bit_of_an_array_is_told(tmp_path: Path) -> None:
    array, chance = np.arange(5 * 3, dtype=np.float32).reshape(5, 3), random.Random(7)
    content = file_content(array)
    (tmp_path / "whole.npy").write_bytes(content)
    assert np.array_equal(ArrayFile(tmp_path / "whole.npy", (5, None), np.float32), array)
    assert np.array_equal(np.load(tmp_path / "whole.npy"), array)  # by other programs
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        path = tmp_path / f"{place}.npy"
        path.write_bytes(damaged)
        with pytest.raises(OSError, match=path.name):
            ArrayFile(path, (5, None), np.float32)


def with_thumbnails(folder: RunFolder) -> np.ndarray:
    """Writes three of four thumbnails and finishes the run. Gives all four; the third is black."""
    thumbnails = np.stack([picture(seed, 6, 4) for seed in range(4)])
    thumbnails[2] = 0
    kept = folder.beside.keep_thumbnails(4, (4, 6))
    assert kept
    kept.write(np.array([3, 0, 1]), thumbnails[[3, 0, 1]])
    folder.save(replace(manifest(), state="finished"))
    return thumbnails


@pytest.mark.parametrize("place", ["header", "picture", "picture that was never written", "checksum"])
def test_a_flipped_bit_in_the_thumbnails_is_told_and_nothing_is_shown_of_them(folder: RunFolder, place: str) -> None:
    with_thumbnails(folder)
    path, sums = folder.path / "thumbnails.npy", 4 * 4
    content = bytearray(path.read_bytes())
    pictures_at = len(content) - sums - 4 * 72
    at = {"header": 12, "picture": pictures_at + 72, "picture that was never written": pictures_at + 2 * 72}
    content[at.get(place, len(content) - 1)] ^= 1
    path.write_bytes(content)
    assert folder.beside.thumbnails() is None
    fault = folder.beside.faults()["thumbnails.npy"]
    assert fault.code == "run_file_damaged" and "its small pictures come from the dataset" in fault.message
    assert place == "header" or "(its checksum does not match)" in fault.message
    assert len(folder.load().table) == 4


def test_whole_thumbnails_are_read_also_those_of_earlier_versions_without_checksums(folder: RunFolder) -> None:
    thumbnails = with_thumbnails(folder)
    assert np.array_equal(np.asarray(folder.beside.thumbnails()), thumbnails) and not folder.beside.faults()
    path = folder.path / "thumbnails.npy"
    path.unlink()
    np.save(path, thumbnails)
    assert np.array_equal(np.asarray(folder.beside.thumbnails()), thumbnails) and not folder.beside.faults()
    kept = folder.beside.keep_thumbnails(4, (4, 6), new=False)  # for a run that an earlier version began
    assert kept
    kept.write(np.array([2]), thumbnails[:1])
    assert path.stat().st_size == 128 + thumbnails.nbytes
    assert np.array_equal(np.asarray(folder.beside.thumbnails()), thumbnails[[0, 1, 0, 3]])


def test_thumbnails_of_a_run_under_way_are_not_called_damaged_while_one_is_written(folder: RunFolder) -> None:
    with_thumbnails(folder)
    folder.save(replace(manifest(), state="running"))
    path = folder.path / "thumbnails.npy"
    content = bytearray(path.read_bytes())
    content[-17] ^= 1  # a picture whose checksum is not written yet
    path.write_bytes(content)
    assert folder.beside.thumbnails() is not None and not folder.beside.faults()


def test_a_flipped_bit_makes_no_other_user_the_owner_of_a_damaged_run(
    folder: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "manifest.json").write_text("{}")
    folder.keep_user("anna")
    path = folder.path / "user.json"
    whole = path.read_bytes()

    def seen_by(*users: str) -> list[str]:
        return [user for user in users if RunFolder(folder.path, Visitor(user)).may_see()]

    assert seen_by("anna", "anla") == ["anna"] and "Only admins see" not in caplog.text
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            user = re.search(r'"user": "(.*)"', damaged.decode(errors="replace"))
            assert seen_by(user[1] if user else "anla", "anla") == []
    assert "Only admins see the damaged evaluation" in caplog.text and "checksum does not match" in caplog.text
    path.write_text('"anna"\n')  # as earlier versions wrote it
    assert seen_by("anna", "anla") == ["anna"]


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
