"""A dataset that another program overwrites while it is open does not end the process, and is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DatasetError
from tests.conftest import ROOT, encoded, picture

PROGRAM = """
import os, shutil, sys
from pathlib import Path
from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DashboardError
path, other = map(Path, sys.argv[1:])
dataset = open_dataset(path)
print(dataset.image(0).shape)
shutil.copyfile(other, path)  # writes into the same file, as `cp` does
for index in (1, 70, 200, 999):
    try:
        print(dataset.image(index).shape)
    except DashboardError as error:
        print(error.code, error.message)
"""


def parquet(path: Path, n: int, label: str) -> Path:
    images = [encoded(picture(i)) for i in range(10)] * (n // 10)
    pq.write_table(pa.table({"image": images, "label": [label] * n}), path, compression="none", use_dictionary=False)
    return path


@pytest.mark.parametrize("n", [10, 1000, 3000])
def test_another_file_copied_over_an_open_parquet_file(tmp_path: Path, n: int) -> None:
    path, other = parquet(tmp_path / "data.parquet", 1000, "cat"), parquet(tmp_path / "other.parquet", n, "dog")
    command = [sys.executable, "-c", PROGRAM, str(path), str(other)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "(32, 32, 3)" and len(lines) == 5
    assert all(line.startswith("dataset_changed data.parquet was changed while it was read") for line in lines[1:])


def test_a_flipped_byte_is_refused_where_the_file_has_checksums(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pa.table({"image": [encoded(picture(i)) for i in range(4)], "label": ["cat", "dog", "cat", "dog"]})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[data.index(b"\x03\0\0\0cat") + 4] = ord("#")  # after its length; the header of the page has no checksum
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="cannot be read"):
        open_dataset(path)
