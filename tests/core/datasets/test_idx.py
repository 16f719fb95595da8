"""The idx files of MNIST."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.uploads import keep_uploads, refuse_other_kinds
from dashboard.core.errors import DatasetError
from dashboard.core.settings import Settings
from tests.conftest import MakeZip, encoded, picture

DIGITS = np.random.default_rng(3).integers(0, 256, (6, 9, 7), np.uint8)
LABELS = np.array([5, 0, 4, 1, 9, 2], np.uint8)


def idx(array: np.ndarray) -> bytes:
    kind = {"uint8": 8, "int32": 12, "float32": 13}[str(array.dtype)]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def split(name: str, images: np.ndarray = DIGITS, labels: np.ndarray = LABELS) -> dict[str, bytes]:
    return {f"{name}-images-idx3-ubyte": idx(images), f"{name}-labels-idx1-ubyte": idx(labels)}


def packed(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(data) for name, data in files.items()}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def is_mnist(dataset: Dataset) -> bool:
    labels = [sample.label for sample in dataset.samples]
    pixels = [dataset.image(i) for i in range(6)]
    right = all(np.array_equal(pixels[i], np.repeat(DIGITS[i][..., None], 3, axis=2)) for i in range(6))
    return right and labels == ["5", "0", "4", "1", "9", "2"] and np.array_equal(dataset.image(1), pixels[1])


def refused(path: Path) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("files", [split("t10k"), packed(split("t10k"))], ids=["plain", "gzip"])
def test_a_folder_a_file_and_a_pattern(tmp_path: Path, files: dict[str, bytes]) -> None:
    folder = write(tmp_path / "mnist", {**files, "mnist.npz": b"not looked at"})
    images, labels = list(files)
    for path in (folder, folder / images, folder / "t10k*"):
        dataset = open_dataset(path)
        assert is_mnist(dataset) and dataset.notes == (f"Images are read from {images}, labels from {labels}.",)
    assert open_dataset(folder).fingerprint == open_dataset(folder / images).fingerprint


def test_the_names_that_others_give_them(tmp_path: Path) -> None:
    for i, (images, labels) in enumerate(
        [
            ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
            ("emnist-letters-test-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte"),
            ("a/t10k-images-idx3-ubyte/t10k-images-idx3-ubyte", "a/t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte"),
        ]
    ):
        assert is_mnist(open_dataset(write(tmp_path / str(i), {images: idx(DIGITS), labels: idx(LABELS)})))


def test_labels_of_four_bytes(tmp_path: Path) -> None:
    assert is_mnist(open_dataset(write(tmp_path / "a", split("t10k", labels=LABELS.astype(np.int32)))))


def test_two_splits_are_not_pooled(tmp_path: Path, make_zip: MakeZip) -> None:
    both = {**packed(split("train")), **packed(split("t10k"))}
    folder = write(tmp_path / "mnist", both)
    assert is_mnist(open_dataset(folder / "t10k-images-idx3-ubyte.gz")) and is_mnist(open_dataset(folder / "train*"))
    for path in (folder, make_zip({}, extra=both)):
        dataset, train = open_dataset(path), open_dataset(path, Choices(split="train"))
        assert is_mnist(dataset) and is_mnist(train)
        assert "Only the split test is used" in dataset.notes[0] and "as chosen" in train.notes[0]
        assert [answer.value for answer in dataset.questions[0].answers] == ["test", "train"]


@pytest.mark.parametrize("files", [split("t10k"), packed(split("t10k"))], ids=["plain", "gzip"])
def test_a_zip_and_several_uploads(tmp_path: Path, make_zip: MakeZip, files: dict[str, bytes]) -> None:
    assert is_mnist(open_dataset(make_zip({}, extra={f"mnist/{name}": data for name, data in files.items()})))
    refuse_other_kinds(list(files))
    uploads = [(name, io.BytesIO(data)) for name, data in files.items()]
    assert is_mnist(open_dataset(keep_uploads(uploads, Settings(data_dir=tmp_path))))


def test_images_among_idx_files_win(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({}, extra={**split("t10k"), "cat/a.png": encoded(picture(1))}))
    assert "cat/a.png" in [sample.name for sample in dataset.samples]


def test_without_labels_and_with_labels_elsewhere(tmp_path: Path) -> None:
    folder = write(tmp_path / "mnist", {"t10k-images-idx3-ubyte": idx(DIGITS)})
    assert {sample.label for sample in open_dataset(folder).samples} == {None}
    labels = write(tmp_path / "other", {"test-labels-idx1-ubyte": idx(LABELS)}) / "test-labels-idx1-ubyte"
    described = open_dataset(describe(folder / "t10k-images-idx3-ubyte", Choices(labels=str(labels)), tmp_path))
    assert is_mnist(described)


def test_labels_that_are_added_or_changed_later_are_seen(tmp_path: Path) -> None:
    folder = write(tmp_path / "mnist", {"t10k-images-idx3-ubyte": idx(DIGITS)})
    images = folder / "t10k-images-idx3-ubyte"
    assert open_dataset(images).samples[0].label is None
    write(folder, {"t10k-labels-idx1-ubyte": idx(LABELS)})
    assert is_mnist(open_dataset(images))
    write(folder, {"t10k-labels-idx1-ubyte": idx(LABELS[::-1].astype(np.int32))})
    assert open_dataset(images).samples[0].label == "2"


def test_labels_alone_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "mnist", {"t10k-labels-idx1-ubyte": idx(LABELS)})
    assert "labels without their images" in refused(folder).message
    assert "holds labels" in refused(folder / "t10k-labels-idx1-ubyte").message


@pytest.mark.parametrize(
    "name, data, said",
    [
        ("t10k-images-idx3-ubyte", idx(DIGITS)[:-1], "fewer"),
        ("t10k-images-idx3-ubyte", idx(DIGITS) + b"x", "more"),
        ("t10k-images-idx3-ubyte", idx(DIGITS)[:7], "cut off"),
        ("t10k-images-idx3-ubyte", b"\0\0\x08\x03" + b"\xff" * 12 + bytes(99), "fewer"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(idx(DIGITS))[:-12], "cut off"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(idx(DIGITS)[:-1]), "fewer"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(b"hello world", mtime=0), "does not begin like"),
        ("t10k-images-idx3-ubyte", idx(DIGITS.astype(np.float32)), "not uint8"),
        ("t10k-labels-idx1-ubyte", idx(LABELS[:5]), "5 labels for 6 images"),
        ("t10k-labels-idx1-ubyte", idx(np.ones((6, 6), np.uint8)), "not every row has one 1"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    error = refused(write(tmp_path / "mnist", {**split("t10k"), name: data} if "labels" in name else {name: data}))
    assert said in error.message and name in error.message


def test_damage_gives_dataset_errors_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    codes = set()
    data = gzip.compress(idx(DIGITS))
    for _ in range(100):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 2):
            damaged[place] = rng.integers(0, 256)
        try:
            open_dataset(write(tmp_path / "mnist", {"t10k-images-idx3-ubyte.gz": bytes(damaged)}))
        except DatasetError as error:
            codes.add(error.code)
    assert codes == {"array_damaged"}
