"""Arrays of a run that are read row by row, also while another program writes over their files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.runs.array_file import ArrayFile

ARRAY = np.arange(7 * 3 * 2, dtype=np.float32).reshape(7, 3, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", ARRAY)
    return tmp_path / "x.npy"


@pytest.mark.parametrize(
    "rows", [0, -1, slice(None), slice(2, 5), slice(None, None, 3), slice(5, 1), [], [6, 0, 1, 2, 2, -7]], ids=str
)
def test_rows_are_those_of_the_array(path: Path, rows: int | slice | list[int]) -> None:
    stored, at = (
        ArrayFile(path, (7, None, 2), np.float32),
        np.array(rows, np.int64) if isinstance(rows, list) else rows,
    )
    assert np.array_equal(stored[at], ARRAY[at]) and stored[at].dtype == np.float32
    assert len(stored) == 7 and stored.shape == ARRAY.shape and np.array_equal(np.asarray(stored), ARRAY)


def test_a_row_that_is_not_there(path: Path) -> None:
    with pytest.raises(IndexError):
        ArrayFile(path, (7, 3, 2), np.float32)[7]


def test_other_arrays_and_damaged_files_are_refused(path: Path, tmp_path: Path) -> None:
    for shape, dtype in (((6, 3, 2), np.float32), ((7, 3), np.float32), ((7, 3, 2), np.uint8)):
        with pytest.raises(OSError, match=r"x\.npy holds another array than expected"):
            ArrayFile(path, shape, dtype)
    np.save(tmp_path / "columns.npy", np.asfortranarray(ARRAY))
    np.save(tmp_path / "objects.npy", np.array([None] * 7), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    for name in ("columns.npy", "objects.npy", "text.npy"):
        with pytest.raises(OSError, match=name):
            ArrayFile(tmp_path / name, (7, None, None), np.float32)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OSError, match=r"x\.npy is cut off"):
        ArrayFile(path, (7, 3, 2), np.float32)


@pytest.mark.parametrize("length", [-3, 2**70])
def test_impossible_lengths_are_refused(path: Path, length: int) -> None:
    said = f"(7, {length}, 2), }}".encode()
    data = path.read_bytes()
    place = data.index(b"(7, 3, 2), }")
    end = data.index(b"\n", place)
    path.write_bytes(data[:place] + said.ljust(end - place) + data[end:])
    with pytest.raises(OSError, match=r"x\.npy"):
        ArrayFile(path, (7, None, None), np.float32)


def test_a_file_that_is_cut_or_removed_while_it_is_open(path: Path) -> None:
    stored, data = ArrayFile(path, (7, 3, 2), np.float32), path.read_bytes()
    path.write_bytes(data[:-5])
    assert np.array_equal(stored[5], ARRAY[5])
    with pytest.raises(DatasetError, match=r"x\.npy of the evaluation was removed or changed"):
        stored[:]
    path.unlink()
    with pytest.raises(DatasetError, match="removed or changed"):
        stored[0]


def test_copying_over_the_files_of_a_run_does_not_end_the_process(tmp_path: Path) -> None:
    """A memory map would: the operating system ends the process (SIGBUS) when mapped bytes vanish."""
    program = """
import os, sys, threading
from contextlib import suppress
from pathlib import Path
import numpy as np, pyarrow as pa
from dashboard.core.errors import DatasetError
from dashboard.core.runs.parquet_file import open_parquet, parquet_writer
from dashboard.core.runs.array_file import ArrayFile
array, table = Path(sys.argv[1], "x.npy"), Path(sys.argv[1], "x.parquet")
np.save(array, np.random.default_rng(0).integers(0, 256, (2000, 32, 32, 3), np.uint8))
rows = pa.table({"x": np.random.default_rng(0).random(200_000)})
with parquet_writer(table, rows.schema) as writer:
    writer.write_table(rows)
stored, opened = ArrayFile(array, (2000, 32, 32, 3), np.uint8), open_parquet(table)
for path in (array, table):
    os.truncate(path, 100)
for read in (lambda: stored[:], lambda: opened.read()):
    with suppress(DatasetError, OSError):
        read()
        sys.exit("read")
print("alive")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
