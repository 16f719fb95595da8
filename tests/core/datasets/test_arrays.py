"""NumPy arrays: hostile 35 to 37, and ordinary arrays."""

from __future__ import annotations

import io
import os
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from dashboard.core.datasets import arrays, npy, open_dataset, open_unchanged
from dashboard.core.datasets.choices import Choices
from dashboard.core.errors import DatasetError
from dashboard.core.questions import UndecidedError
from tests.conftest import picture

IMAGES = np.stack([picture(i) for i in range(5)])
LABELS = np.array([3, 5, 3, 0, 9])


def refused(path: Path) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    assert path.name in caught.value.message and caught.value.fix
    return caught.value


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("keys", [("images", "labels"), ("x_test", "y_test"), ("X", "Y"), ("data", "targets")])
def test_images_and_labels(tmp_path: Path, save, keys: tuple[str, str]) -> None:
    save(tmp_path / "set.npz", **{keys[0]: IMAGES, keys[1]: LABELS})
    dataset = open_dataset(tmp_path / "set.npz")
    assert [s.label for s in dataset.samples] == ["3", "5", "3", "0", "9"]
    assert dataset.samples[4].name == "image 4"
    for i in (0, 4, 2, 3, 1, 1):  # forwards and backwards
        assert np.array_equal(dataset.image(i), picture(i))
    assert len(dataset.fingerprint) == 64


@pytest.mark.parametrize(
    "labels, expected",
    [
        (LABELS[:, None].astype(np.uint8), "3"), (np.array(["cat"] * 5), "cat"), (np.array([b"dog"] * 5), "dog"),
        (LABELS.astype(float), "3"),
    ],
)  # fmt: skip
def test_kinds_of_labels(tmp_path: Path, labels: np.ndarray, expected: str) -> None:
    np.savez(tmp_path / "set.npz", images=IMAGES, labels=labels)
    assert open_dataset(tmp_path / "set.npz").samples[0].label == expected


def test_the_test_split_is_preferred_and_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=IMAGES[:2], y_train=LABELS[:2], x_test=IMAGES[2:], y_test=LABELS[2:])
    dataset = open_dataset(tmp_path / "mnist.npz")
    assert len(dataset.samples) == 3 and "x_test" in dataset.notes[1]
    assert "Only the split test is used" in dataset.notes[0] and "train: 2 images in x_train" in dataset.notes[0]
    train = open_dataset(tmp_path / "mnist.npz", Choices(split="train"))
    assert len(train.samples) == 2 and np.array_equal(train.image(1), picture(1))
    assert train.fingerprint != dataset.fingerprint
    for wrong, why in (("all", "has splits that cannot be read as one dataset"), ("val", "has no split 'val'")):
        with pytest.raises(DatasetError, match=why):
            open_dataset(tmp_path / "mnist.npz", Choices(split=wrong))


def test_arrays_for_the_same_split_do_not_replace_each_other(tmp_path: Path) -> None:
    splits = {"tr": slice(0, 2), "dev": slice(2, 4), "eval": slice(4, 5)}
    arrays = {f"x_{name}": IMAGES[part] for name, part in splits.items()}
    arrays |= {f"y_{name}": LABELS[part] for name, part in splits.items()}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(
        UndecidedError, match="train: 2 images in x_tr; dev: 2 images in x_dev; eval: 1 image in x_eval"
    ):
        open_dataset(tmp_path / "x.npz")
    dataset = open_dataset(tmp_path / "x.npz", Choices(split="dev"))
    assert [sample.label for sample in dataset.samples] == list(map(str, LABELS[2:4]))
    assert np.array_equal(dataset.image(1), IMAGES[3])


def test_arrays_of_two_splits_without_test_are_asked_about(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images_train=IMAGES[:2], labels_train=LABELS[:2], images_val=IMAGES, labels_val=LABELS)
    with pytest.raises(UndecidedError, match="val: 5 images in images_val; train: 2 images in images_train"):
        open_dataset(tmp_path / "x.npz")
    assert len(open_dataset(tmp_path / "x.npz", Choices(split="val")).samples) == 5


def test_images_alone_have_no_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    dataset = open_dataset(tmp_path / "images.npy")
    assert {s.label for s in dataset.samples} == {None} and "no labels" in dataset.notes[0]
    assert np.array_equal(dataset.image(3), picture(3))


def test_gray_images_get_three_channels(tmp_path: Path) -> None:
    gray = IMAGES[..., 0]
    for name, array in (("three.npy", gray), ("four.npy", gray[..., None])):
        np.save(tmp_path / name, array)
        pixels = open_dataset(tmp_path / name).image(2)
        assert pixels.shape == (32, 32, 3) and np.array_equal(pixels[..., 1], gray[2])


@pytest.mark.parametrize(
    "images, code, said",
    [
        (IMAGES.transpose(0, 3, 1, 2), "array_channels_first", "transpose(0, 2, 3, 1)"),
        (IMAGES / 255.0, "array_type", "(x * 255)"),
        ((IMAGES / 255.0).astype(np.float16), "array_type", "(x * 255)"),
        (IMAGES.astype(np.int64), "array_type", "astype('uint8')"),
        (IMAGES[0], "array_shape", "x[None]"),
        (IMAGES.reshape(5, -1), "array_shape", "height, width"),
        (np.zeros((5, 8, 8, 2), np.uint8), "array_shape", "1 or 3 channels"),
        (np.zeros((5, 8, 8, 4), np.uint8), "array_shape", "x[..., :3]"),
        (np.zeros((0, 8, 8, 3), np.uint8), "array_shape", "are needed"),
        (np.uint8(3), "array_scalar", "single value"),
    ],
    ids=["NCHW", "float", "float16", "int64", "one", "flat", "two channels", "transparent", "none", "number"],
)
def test_37_what_an_array_must_look_like_is_said(tmp_path: Path, images: np.ndarray, code: str, said: str) -> None:
    np.save(tmp_path / "x.npy", images)
    error = refused(tmp_path / "x.npy")
    assert error.code == code and said in str(error)


@pytest.mark.parametrize(
    ("array", "advice", "wanted"),
    [
        (IMAGES.astype(np.uint16) * 257, "(x >> 8).astype('uint8')", IMAGES),
        (IMAGES.astype(">u2") * 16, "(x >> 4).astype('uint8')", IMAGES),
        (IMAGES.astype(np.uint16), "x.astype('uint8')", IMAGES),
        ((IMAGES.astype(np.int16) - 128).astype(np.int8), "(x.astype('int16') + 128).astype('uint8')", IMAGES),
        (IMAGES > 99, "x.astype('uint8') * 255", np.where(IMAGES > 99, 255, 0)),
        (IMAGES.astype(np.int64), "x.astype('uint8')", IMAGES),
        (IMAGES.astype(np.float32), "x.round().astype('uint8')", IMAGES),
        (IMAGES.reshape(5, -1), "x.reshape(-1, 32, 32, 3)", IMAGES),
        (IMAGES.transpose(0, 3, 1, 2).reshape(5, -1), "x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)", IMAGES),
        (IMAGES[..., 0].reshape(5, -1)[:, :784], "x.reshape(-1, 28, 28)", None),
        (IMAGES[0, ..., 0], "x[None]", IMAGES[:1, ..., 0]),
        (IMAGES.transpose(1, 2, 3, 0), "x.transpose(3, 0, 1, 2)", IMAGES),
        (IMAGES[None], "x.reshape(-1, *x.shape[-3:])", IMAGES),
        (np.dstack([IMAGES[0], IMAGES[0, ..., 0]]), "x[None, ..., :3]", IMAGES[:1]),
    ],
    ids=lambda value: f"{value.shape} {value.dtype}" if isinstance(value, np.ndarray) else str(value),
)
def test_the_advice_on_an_array_gives_the_pictures(
    tmp_path: Path, array: np.ndarray, advice: str, wanted: np.ndarray | None
) -> None:
    np.save(tmp_path / "x.npy", array)
    assert advice in refused(tmp_path / "x.npy").fix
    made = eval(advice, {"x": array})
    assert wanted is None or np.array_equal(made, wanted)
    np.save(tmp_path / "y.npy", made)
    assert len(open_dataset(tmp_path / "y.npy").samples) == len(made)


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (5, 8, 8, 8, 8), (7,), (5, 8, 8, 5)])
def test_no_advice_that_does_not_fit(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape, np.uint8))
    assert "x[" not in refused(tmp_path / "x.npy").fix


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed npz"])
def test_images_that_are_stored_column_by_column(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"x.{kind[-3:]}"
    if kind == "npy":
        np.save(path, np.asfortranarray(IMAGES))
    else:
        save = np.savez if kind == "npz" else np.savez_compressed
        save(path, images=np.asfortranarray(IMAGES), labels=LABELS)
    dataset = open_dataset(path)
    assert all(np.array_equal(dataset.image(i), picture(i)) for i in (4, 0, 2))
    monkeypatch.setattr(npy, "MAX_BY_COLUMNS_BYTES", IMAGES.nbytes - 1)
    larger = path.rename(path.with_stem("y"))
    assert refused(larger).code == "array_order" and "ascontiguousarray" in refused(larger).fix


def test_single_values_beside_the_arrays_are_passed_over(tmp_path: Path) -> None:
    facts = np.array({"made": 2026}, dtype=object)
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=LABELS, num_classes=10, facts=facts)
    assert len(open_dataset(tmp_path / "x.npz").samples) == 5
    np.savez(tmp_path / "y.npz", num_classes=10)
    assert refused(tmp_path / "y.npz").code == "array_scalar"


def test_an_array_without_a_suffix(tmp_path: Path) -> None:
    with (tmp_path / "images").open("wb") as file:
        np.save(file, IMAGES)
    assert len(open_dataset(tmp_path / "images").samples) == 5


def test_labels_of_a_few_bytes_in_the_file_and_gigabytes_in_memory_are_refused(tmp_path: Path) -> None:
    labels = np.zeros(4, "U5000")
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((4, 2, 2, 3), np.uint8), labels=labels)
    with pytest.raises(DatasetError, match="labels has 20,000 bytes for each label, more than 16,384"):
        open_dataset(tmp_path / "x.npz")


def test_one_hot_labels_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_PIECE_BYTES", 300)  # three rows and a part of one
    labels = np.eye(10)[[3, 1, 4, 1, 5, 9, 2]]
    np.savez(tmp_path / "x.npz", images=np.zeros((7, 2, 2, 3), np.uint8), labels=labels)
    assert [sample.label for sample in open_dataset(tmp_path / "x.npz").samples] == list("3141592")


def test_37_a_label_for_each_image(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=LABELS[:4])
    error = refused(tmp_path / "x.npz")
    assert error.code == "label_count" and "4 labels for 5 images" in error.message
    np.savez(tmp_path / "y.npz", images=IMAGES, labels=np.eye(5) * 0.9)
    assert "argmax" in refused(tmp_path / "y.npz").fix


def test_keys_that_say_nothing_are_listed(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", foo=IMAGES, bar=LABELS)
    error = refused(tmp_path / "x.npz")
    assert error.code == "array_keys" and "foo (5, 32, 32, 3) uint8" in error.message and "bar (5,)" in error.message


def test_arrays_without_images_are_told_as_such(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.ones((150, 10)), b=np.ones((150, 10)))
    error = refused(tmp_path / "x.npz")
    assert "no array has the shape of images" in error.message and "a (150, 10) float64, b (150, 10)" in error.message
    assert "such as the softmax of logits" in error.fix
    np.savez(tmp_path / "x.npz", logits=np.ones((150, 10)))
    assert "such as the softmax of logits" in refused(tmp_path / "x.npz").fix
    np.savez(tmp_path / "x.npz", images=np.ones((5, 784)), labels=LABELS)
    assert "softmax" not in refused(tmp_path / "x.npz").fix


def test_35_objects_are_not_unpickled(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path}/pwned",)

    np.savez(tmp_path / "x.npz", images=np.array([Evil()], dtype=object), labels=LABELS[:1])
    assert refused(tmp_path / "x.npz").code == "array_objects"
    np.save(tmp_path / "x.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    assert refused(tmp_path / "x.npy").code == "array_objects"
    assert not (tmp_path / "pwned").exists()


def lying(shape: str) -> bytes:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(600_000)


@pytest.mark.parametrize(
    "shape",
    [
        "(200000, 32, 32, 3)",
        "(10**5, 1, 1, 3)",
        "(-1, 32, 32, 3)",
        "(-2, -100, 1000, 3)",
        "(99999999999999, 32, 32, 3)",
    ],
)
def test_36_a_shape_that_lies_is_found_before_any_data_are_read(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(lying(shape))
    before, start = psutil.Process().memory_info().rss, time.process_time()
    assert refused(path).code in ("array_size", "array_damaged")
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", lying(shape))
    assert refused(tmp_path / "x.npz").code in ("array_size", "array_damaged")
    assert psutil.Process().memory_info().rss - before < 30 * 2**20 and time.process_time() - start < 2


def test_a_bomb_of_600_kb_is_not_unpacked_into_memory(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("images.npy", "w") as file,
    ):
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (150, 1024, 1024, 1)}
        )
        for _ in range(150):
            file.write(bytes(2**20))
    tracemalloc.start()  # measures NumPy's arrays, independent of other memory of the process
    try:
        assert open_dataset(tmp_path / "x.npz").image(149).shape == (1024, 1024, 3)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 40 * 2**20


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_27_damage_anywhere_is_an_error_that_names_the_file(tmp_path: Path, save) -> None:
    buffer = io.BytesIO()
    save(buffer, images=IMAGES, labels=LABELS)
    rng = np.random.default_rng(3)
    path = tmp_path / "x.npz"
    damaged_arrays = 0
    for _ in range(60):
        data = bytearray(buffer.getvalue())
        for place in rng.integers(0, len(data), 3):
            data[place] ^= int(rng.integers(1, 256))
        path.write_bytes(data)
        try:
            dataset = open_dataset(path)
        except DatasetError as error:
            assert path.name in error.message
            damaged_arrays += error.code == "array_damaged"
            continue
        for i in range(len(dataset.samples)):
            assert np.array_equal(dataset.image(i), picture(i))  # never wrong pixels
    assert damaged_arrays > 5


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", IMAGES)
    data = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(data[: len(data) // 2])
    assert refused(tmp_path / "x.npy").code == "array_size"
    (tmp_path / "x.npy").write_bytes(b"")
    assert refused(tmp_path / "x.npy").code == "damaged"


def test_another_process_notices_another_number_of_images(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=IMAGES, labels=LABELS)
    samples = open_dataset(path).samples[3:5]
    assert len(open_unchanged(path, samples).samples) == 5
    np.savez(path, images=IMAGES[:4], labels=LABELS[:4])
    with pytest.raises(DatasetError, match="was changed"):
        open_unchanged(path, samples)


class TestTwoFiles:
    """Images and labels in an .npy file each, which belong together by their names."""

    def labels_of(self, path: Path) -> list[str | None]:
        return [sample.label for sample in open_dataset(path).samples]

    @pytest.mark.parametrize("names", [("images", "labels"), ("X_test", "y_test")])
    def test_in_a_folder_in_a_zip_and_beside_each_other(self, names: tuple[str, str], tmp_path: Path) -> None:
        folder, archive = tmp_path / "set", tmp_path / "set.zip"
        folder.mkdir()
        np.save(folder / f"{names[0]}.npy", IMAGES)
        np.save(folder / f"{names[1]}.npy", LABELS)
        np.save(folder / "embeddings.npy", np.zeros((5, 7)))
        with zipfile.ZipFile(archive, "w") as packed:
            for name in names:
                packed.write(folder / f"{name}.npy", f"set/{name}.npy")
                packed.writestr(f"__MACOSX/set/._{name}.npy", b"x")
        for path in (folder, archive, folder / f"{names[0]}.npy"):
            assert self.labels_of(path) == ["3", "5", "3", "0", "9"], path
            assert np.array_equal(open_dataset(path).image(4), picture(4))

    def test_each_split_has_its_own_labels(self, tmp_path: Path) -> None:
        for name, labels in (("labels", LABELS[::-1]), ("y_test", LABELS)):
            np.save(tmp_path / f"{name}.npy", labels)
        for name in ("images", "x_test"):
            np.save(tmp_path / f"{name}.npy", IMAGES)
        assert self.labels_of(tmp_path / "x_test.npy") == ["3", "5", "3", "0", "9"]
        assert self.labels_of(tmp_path / "images.npy") == ["9", "0", "3", "5", "3"]
        (tmp_path / "y_test.npy").unlink()
        assert self.labels_of(tmp_path / "x_test.npy") == ["9", "0", "3", "5", "3"]

    def test_names_in_capitals(self, tmp_path: Path) -> None:
        for name, array in (("IMAGES", IMAGES), ("LABELS", LABELS)):
            np.save(tmp_path / f"{name}.npy", array)
            (tmp_path / f"{name}.npy").rename(tmp_path / f"{name}.NPY")
        assert self.labels_of(tmp_path / "IMAGES.NPY") == ["3", "5", "3", "0", "9"]

    def test_other_labels_are_noticed(self, tmp_path: Path) -> None:
        path = tmp_path / "images.npy"
        np.save(path, IMAGES)
        assert self.labels_of(path) == [None] * 5
        np.save(tmp_path / "labels.npy", LABELS)
        before = open_dataset(path).fingerprint
        assert self.labels_of(path)[0] == "3"
        np.save(tmp_path / "labels.npy", np.append(LABELS[:4], 1234567))
        os.utime(tmp_path / "labels.npy", (1, 1))
        assert self.labels_of(path)[4] == "1234567" and open_dataset(path).fingerprint != before

    @pytest.mark.parametrize("name", ["labels.csv", "labels.txt"])
    def test_a_table_of_labels_in_their_folder_is_named(self, tmp_path: Path, name: str) -> None:
        np.save(tmp_path / "images.npy", IMAGES)
        (tmp_path / name).write_text("index,label\n0,cat\n")
        (tmp_path / "notes.txt").write_text("by hand")
        note = open_dataset(tmp_path).notes[-1]
        assert note.startswith(f"{name} is not read, since the labels of arrays must be an array too.")
        assert open_dataset(tmp_path, use_labels_file=False).notes == (arrays.NO_LABELS,)
        np.save(tmp_path / "labels.npy", np.array(["cat", "dog", "cat", "dog", "cat"]))  # as the note says
        assert self.labels_of(tmp_path) == ["cat", "dog", "cat", "dog", "cat"]
        assert not any(name in each for each in open_dataset(tmp_path).notes)

    @pytest.mark.parametrize(("images", "labels"), [("images", LABELS[:4]), ("photos", LABELS), ("x_train", LABELS)])
    def test_labels_of_other_images_are_left_alone(self, images: str, labels: np.ndarray, tmp_path: Path) -> None:
        np.save(tmp_path / f"{images}.npy", IMAGES)
        np.save(tmp_path / "y_test.npy", labels)
        assert self.labels_of(tmp_path / f"{images}.npy") == [None] * 5


@pytest.mark.parametrize("kind", [float, np.uint8, bool])
def test_one_hot_labels(kind: type, tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=IMAGES, labels=np.eye(10)[LABELS].astype(kind))
    assert [sample.label for sample in open_dataset(tmp_path / "set.npz").samples] == ["3", "5", "3", "0", "9"]


@pytest.mark.parametrize("labels", [np.full((5, 4), 0.25), np.zeros((5, 4)), np.ones((5, 2)), np.full((5, 2), "cat")])
def test_columns_that_are_not_one_hot(labels: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=IMAGES, labels=labels)
    error = refused(tmp_path / "set.npz")
    assert error.code == "array_shape" and "not every row has one 1" in error.message
