"""The boundary of parsers, with the kinds of damage whose exceptions used to slip through the lists of the parsers."""

from __future__ import annotations

import io
import logging
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.analysis.checks.reading import parse_checks
from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.cifar10_archive import load_restricted
from dashboard.core.datasets.labels_file import read_labels_file
from dashboard.core.errors import DashboardError, DatasetError, ImageError, ModelError
from dashboard.core.images.decoding import decode_image
from dashboard.core.parsing import parsing, reason
from dashboard.core.runs.filters import parse_filter
from tests.conftest import ROOT, encoded, picture


def test_any_exception_becomes_the_error_of_the_parser_with_its_cause_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(DatasetError, match="x is damaged: division by zero") as caught,
        parsing(lambda error: DatasetError(f"x is damaged: {reason(error)}.", "Copy it again.")),
    ):
        print(1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "ZeroDivisionError" in caplog.text and "x is damaged" in caplog.text


def test_errors_of_the_dashboard_pass() -> None:
    with pytest.raises(ImageError, match="It is empty"), parsing(lambda error: DatasetError("x", "y")):
        raise ImageError("It is empty.", "Give another.")


def test_reasons_are_short_sentences() -> None:
    assert reason(MemoryError()) == "reading it would take more memory than there is"
    assert reason(RecursionError("maximum recursion depth exceeded")) == "it is nested too deeply"
    assert reason(KeyError("id")) == "it lacks 'id'"
    assert reason(ValueError(" two\n lines. ")) == "two lines" and reason(EOFError()) == "EOFError"
    assert reason(ValueError("half \ud800")) == "half ?"


def test_a_header_of_an_array_that_never_ends(tmp_path: Path) -> None:
    header = b"{'descr': '|u1', 'shape': ((((1,\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header)
    with pytest.raises(DatasetError, match=r"x\.npy is not a NumPy array: its header is damaged\."):
        open_dataset(tmp_path / "x.npy")


def test_a_member_of_a_zip_whose_lzma_header_asks_for_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("cat/1.png", encoded(picture(1)))
    data = bytearray(path.read_bytes())
    at = 30 + len("cat/1.png") + 4  # properties: one byte, then the size of the dictionary
    data[at] = 0xFF
    path.write_bytes(data)
    with pytest.raises(ImageError, match="damaged inside the ZIP"):
        open_dataset(path).image(0)


def test_a_pickle_whose_keys_are_not_utf8() -> None:
    with pytest.raises(DatasetError, match="test_batch was refused"):
        load_restricted(pickle.dumps({b"\xff\xfe": 1}, 2), "test_batch")


def test_a_table_of_labels_with_half_characters_in_a_name() -> None:
    coco = b'{"images": [{"id": 0, "file_name": "\\ud800.png"}], "annotations": [{"image_id": 0, "category_id": 1}], "categories": [{"id": 1, "name": "cat"}]}'
    assert read_labels_file(coco, "labels.json", ()).files == ("?.png",)


def test_damaged_statistics_of_a_column_do_not_end_the_process(tmp_path: Path) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"file": ["0.png", "1.png"], "label": ["cat", None], "age": [1, None]}), out)
    data = out.getvalue()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    script = (
        "import sys\n"
        "from dashboard.core.datasets.labels_file import read_labels_file\n"
        "from dashboard.core.errors import DashboardError\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "for at in range(int(sys.argv[2]), len(data) - 8):\n"
        "    for bit in (1, 16):\n"
        "        other = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]\n"
        "        try:\n"
        "            table = read_labels_file(other, 'labels.parquet', (), lambda: other)\n"
        "            table.attributes and table.attributes()\n"
        "        except DashboardError:\n"
        "            pass\n"
    )
    (tmp_path / "x").write_bytes(data)
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "x", str(footer)], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-500:]


def test_a_description_with_a_zero_in_a_path(tmp_path: Path) -> None:
    path = tmp_path / "x.dataset.json"
    for name in (b"a\\u0000b", b"a\\ud800b"):
        path.write_bytes(b'{"images": "%s", "labels": "truth.csv"}' % name)
        with pytest.raises(DatasetError, match="not a valid description"):
            open_dataset(path)


def test_checks_that_multiply_through_aliases() -> None:
    bomb = "- &a {check: n >= 1, where: [" + ",".join(["a=b"] * 1000) + "]}\n" + "- *a\n" * 1000
    with pytest.raises(DatasetError, match="more than 100,000 entries"):
        parse_checks(bomb, "checks.yml")
    with pytest.raises(DatasetError, match="more than 100,000 entries"):
        parse_checks("- &a [*a]", "checks.yml")
    assert len(parse_checks("- &a n >= 1\n- *a", "checks.yml").checks) == 2


def test_a_condition_that_would_be_read_otherwise_the_next_time_is_refused() -> None:
    with pytest.raises(DatasetError, match="is not a condition"):
        parse_filter(["a! =b"])
    with pytest.raises(DatasetError, match="is not a condition"):
        parse_filter([" " * 10**6])  # in no time


def test_a_png_whose_last_part_is_cut_off_is_refused_although_pillow_would_read_it() -> None:
    data = bytearray(encoded(picture(1), "PNG"))
    at = data.index(b"IDAT") - 4
    data[at] = 1  # 16 MB
    with pytest.raises(ImageError, match=r"pixel data \(chunk 'IDAT'\) end too early"):
        decode_image(bytes(data))
    assert decode_image(encoded(picture(1), "PNG") + b"more than the picture").pixels.ndim == 3


@pytest.mark.parametrize(
    "name", ["npy-5859bb-x.npy", "zip-75c2fd-x.zip", "parquet-e9d6f0-x.parquet", "labels-1fa113-labels.parquet"]
)
def test_cases_from_the_field(name: str, shared_dir: Path, tmp_path: Path) -> None:
    case = shared_dir / "cases" / "hostile" / name
    if not case.is_file():
        pytest.skip(f"needs {case}")
    data = case.read_bytes()
    if name.startswith("labels"):
        with pytest.raises(DatasetError, match="a row of its column 'file' refers to value number 15, but"):
            read_labels_file(data, "labels.parquet", ())
        return
    path = tmp_path / f"x{case.suffix}"
    path.write_bytes(data)
    labels: set[str | None] = set()
    try:
        dataset = open_dataset(path)
        labels = {sample.label for sample in dataset.samples}
        for sample in dataset.samples:
            try:
                dataset.image(sample.index)
            except ImageError as error:
                assert error.fix
    except DashboardError as error:
        assert error.fix and not isinstance(error, ModelError)
    assert "#at" not in labels
