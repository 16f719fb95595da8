"""Datasets as people have them, kept beside the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.core.datasets import Dataset, label_counts, open_dataset
from dashboard.core.errors import DatasetError, ImageError

COUNTS = {"airplane": 2, "automobile": 2, "cat": 2, "dog": 2, "frog": 4, "horse": 2, "ship": 4, "truck": 2}


@pytest.fixture
def cases(shared_dir: Path) -> Path:
    folder = shared_dir / "cases" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the inputs in {folder}")
    return folder


def outcomes(dataset: Dataset) -> dict[str, str]:
    found = {}
    for sample in dataset.samples:
        try:
            dataset.image(sample.index)
            found[sample.name] = "read"
        except ImageError as error:
            assert error.fix, sample.name
            found[sample.name] = error.message
    return found


def all_read(dataset: Dataset) -> bool:
    return set(outcomes(dataset).values()) == {"read"}


def test_images_of_all_kinds(cases: Path) -> None:
    found = {name.removeprefix("cat/"): outcome for name, outcome in outcomes(open_dataset(cases / "kinds")).items()}
    assert {name for name, outcome in found.items() if outcome == "read"} >= {
        "x.avif", "x.ppm", "x.jpe", "x.jfif", "noext", "webp_named.jpg", "UPPER.JPG", "cmyk.jpg", "gray16.png", "exif6.jpg",
    }  # fmt: skip
    told = {
        "jp2.jp2": "JPEG 2000", "ico.ico": "icon", "DSC.CR2": "raw file", "scan.dcm": "DICOM", "x.svg": "SVG",
        "html.jpg": "web page", "empty.jpg": "empty", "trunc.jpg": "cut off", "f32.tif": "32-bit",
        "IMG_0001.HEIC": "HEIC image is damaged", "heic_named.jpg": "HEIC image is damaged",
    }  # fmt: skip
    assert all(what in found[name] for name, what in told.items())


def test_a_tar_that_is_compressed(cases: Path) -> None:
    dataset = open_dataset(cases / "photos.tar.gz")
    assert label_counts(dataset.samples) == COUNTS and all_read(dataset)


def test_one_hot(cases: Path) -> None:
    dataset = open_dataset(cases / "onehot")
    assert label_counts(dataset.samples) == COUNTS and all_read(dataset)


def test_coco(cases: Path) -> None:
    dataset = open_dataset(cases / "coco")
    assert label_counts(dataset.samples) == {"airplane": 2, "automobile": 2, "cat": 2, "dog": 2} and all_read(dataset)


def test_mnist(cases: Path) -> None:
    for name, count in (("", 5), ("t10k-images-idx3-ubyte.gz", 5), ("mnist.npz", 2)):
        dataset = open_dataset(cases / "mnist" / name)
        assert label_counts(dataset.samples) == {str(digit): count for digit in range(10)} and all_read(dataset)


def test_metadata_of_hugging_face(cases: Path) -> None:
    dataset = open_dataset(cases / "hf" / "test")
    assert label_counts(dataset.samples) == {"airplane": 2, "automobile": 2, "cat": 2, "dog": 2} and all_read(dataset)


def test_deflate64_and_the_way_out_to_the_letter(cases: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="compressed with Deflate64") as caught:
        open_dataset(cases / "deflate64.zip")
    unpack, pack = caught.value.fix.split("`")[1::2]
    if not shutil.which("unzip"):
        pytest.skip("needs unzip")
    shutil.copy(cases / "deflate64.zip", tmp_path)
    for command in (unpack, pack.replace("python", sys.executable, 1)):
        subprocess.run(command, shell=True, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    for name in ("deflate64", "again.zip"):
        dataset = open_dataset(tmp_path / name)
        assert label_counts(dataset.samples) == {"cat": 2, "dog": 2, "ship": 4} and all_read(dataset)
