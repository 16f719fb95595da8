"""TFRecord files read without TensorFlow, compared with what TensorFlow writes."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.tfrecord import _example, begins_like_tfrecord, features_of, masked_crc32c
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.images.decoding import decode_image
from tests.conftest import encoded, picture

FILES = [encoded(picture(i)) for i in range(5)]


def example(**features: bytes | int | float | list[int]) -> bytes:
    """A serialized tf.train.Example; `__` stands for `/` in names."""
    message = _example()()
    for name, value in features.items():
        feature = message.features.feature[name.replace("__", "/")]
        values = value if isinstance(value, list) else [value]
        for each in values:
            kind = {bytes: "bytes_list", int: "int64_list", float: "float_list"}[type(each)]
            getattr(feature, kind).value.append(each)
    return message.SerializeToString()


def write(path: Path, records: Iterable[bytes]) -> Path:
    with path.open("wb") as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(length + struct.pack("<I", masked_crc32c(length)))
            file.write(record + struct.pack("<I", masked_crc32c(record)))
    return path


def test_what_tensorflow_writes(tmp_path: Path) -> None:
    import tensorflow as tf

    def bytes_feature(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    path = tmp_path / "test.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for i, data in enumerate(FILES):
            features = {
                "image/encoded": bytes_feature(data),
                "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[i + 1])),
                "image/class/text": bytes_feature(b"cat" if i % 2 else b"dog"),
                "image/filename": bytes_feature(f"{i}.png".encode()),
                "weight": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5, -2])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    dataset = open_dataset(path)
    assert [(s.name, s.label) for s in dataset.samples][:2] == [("0.png", "dog"), ("1.png", "cat")]
    assert all(np.array_equal(dataset.image(i), picture(i)) for i in (4, 0, 3, 1, 2))
    assert "image/encoded, labels from image/class/text" in dataset.notes[0]
    assert write(tmp_path / "again.tfrecord", [b"x" * 1000]).stat().st_size == 1016


def test_features_of_every_kind_and_negative_numbers() -> None:
    features = features_of(example(a=b"x", b=[-5, 2**40], c=0.5))
    assert features == {"a": [b"x"], "b": [-5, 2**40], "c": [0.5]}


def test_features_of_labels_that_contradict_each_other_and_records_without_a_label_are_told(tmp_path: Path) -> None:
    def notes(*texts: bytes, extra: int | None = None) -> str:
        records = [
            example(image=data, image__class__text=text, image__class__label=i % 2 + 1)
            for i, (data, text) in enumerate(zip(FILES, texts, strict=False))
        ]
        bare = [example(image=FILES[4])] * (extra or 0)
        return " ".join(open_dataset(write(tmp_path / "x.tfrecord", [*records, *bare])).notes)

    told = "x.tfrecord has several features that may hold labels: image/class/text is used, image/class/label is not."
    assert told in notes(b"cat", b"dog", b"dog", b"dog")
    assert told not in notes(b"cat", b"dog", b"cat", b"dog")
    assert "2 records have no label, so not compared." in notes(b"cat", b"dog", extra=2)
    assert "no label" not in notes(b"cat", b"dog")


def test_labels_that_are_filled_or_damaged_with_nul(tmp_path: Path) -> None:
    texts = (b"cat\0\0", b"c\0at", b"dog")
    records = [example(image=data, label=text) for data, text in zip(FILES, texts, strict=False)]
    dataset = open_dataset(write(tmp_path / "x.tfrecord", records))
    assert [sample.label for sample in dataset.samples] == ["cat", None, "dog"]
    assert "1 record has no usable label." in dataset.notes


def test_numbers_as_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tfrecords", [example(image=data, label=i) for i, data in enumerate(FILES)])
    dataset = open_dataset(path)
    assert [(s.name, s.label) for s in dataset.samples][:2] == [("record 0", "0"), ("record 1", "1")]
    assert len(dataset.fingerprint) == 64


def test_without_labels_and_whatever_it_is_called(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path / "shard-00000-of-00001", [example(image=data) for data in FILES]))
    assert {s.label for s in dataset.samples} == {None} and "not compared" in dataset.notes[0]


def test_a_folder_of_shards_is_one_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    write(folder / "t.tfrecord-00000-of-00002", [example(image=data, label=b"cat") for data in FILES[:2]])
    write(folder / "t.tfrecord-00001-of-00002", [example(image=data, label=b"dog") for data in FILES[2:]])
    dataset = open_dataset(folder)
    assert [s.label for s in dataset.samples] == ["cat", "cat", "dog", "dog", "dog"]
    assert all(np.array_equal(dataset.image(i), picture(i)) for i in range(5))


def test_there_may_be_more_shards_than_files_may_be_open(tmp_path: Path, few_open_files: int) -> None:
    for i in range(2 * few_open_files):
        write(tmp_path / f"{i:03}.tfrecord", [example(image=FILES[i % 5], label=b"cat")])
    dataset = open_dataset(tmp_path)
    assert all(np.array_equal(dataset.image(i), picture(i % 5)) for i in range(2 * few_open_files))


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.tfrecord", [example(image=FILES[0], label=b"cat")])
    (tmp_path / "b.tfrecord").write_bytes((tmp_path / "b.tfrecord").read_bytes()[:-3])
    with pytest.raises(DatasetError, match=r"b\.tfrecord is damaged as a TFRecord file"):
        open_dataset(tmp_path)


def test_a_wrong_checksum_concerns_its_record_only(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tfrecord", [example(image=data, label=i) for i, data in enumerate(FILES)])
    data = bytearray(path.read_bytes())
    data[data.index(FILES[2]) + 300] ^= 1
    path.write_bytes(data)
    dataset = open_dataset(path)
    assert [s.label for s in dataset.samples] == ["0", "1", None, "3", "4"]
    with pytest.raises(ImageError, match="checksum"):
        dataset.image(2)
    assert np.array_equal(dataset.image(3), picture(3))


def test_records_that_hold_something_else(tmp_path: Path) -> None:
    records = [
        example(image=FILES[0], label=1), b"\xff\xff\xff", example(label=2), example(image=[1, 2, 3], label=3),
        example(image=b"no image", label=[1, 2]), example(image=FILES[1], label=b"\xff\xfe"),
    ]  # fmt: skip
    dataset = open_dataset(write(tmp_path / "x.tfrecord", records))
    assert [s.label for s in dataset.samples] == ["1", None, "2", "3", None, "\ufffd\ufffd"]
    for i, reason in enumerate(["not a tf.train.Example", "exactly one", "exactly one", "not an image"], start=1):
        with pytest.raises(ImageError, match=reason):
            dataset.image(i)
    assert np.array_equal(dataset.image(5), picture(1))


@pytest.mark.parametrize("damage", ["header", "cut", "length"])
def test_a_broken_chain_is_refused(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "x.tfrecord", [example(image=data, label=i) for i, data in enumerate(FILES)])
    data = bytearray(path.read_bytes())
    second = 16 + struct.unpack("<Q", data[:8])[0]
    if damage == "length":
        length = struct.pack("<Q", 2**60)
        data[second : second + 12] = length + struct.pack("<I", masked_crc32c(length))
    elif damage == "header":
        data[second] ^= 1
    path.write_bytes(data[: len(data) - 7 if damage == "cut" else None])
    with pytest.raises(DatasetError, match=r"x\.tfrecord is damaged as a TFRecord file: record \d") as caught:
        open_dataset(path)
    assert caught.value.fix


def raw(pixels: np.ndarray, **others: bytes | int) -> bytes:
    """A record as many tutorials write it: pixels beside height, width and depth."""
    height, width, depth = pixels.shape
    return example(image_raw=pixels.tobytes(), height=height, width=width, depth=depth, **others)


def test_pixels_without_a_format_are_read_in_the_size_that_the_record_says(tmp_path: Path) -> None:
    pictures = [picture(i)[: 8 + i].copy() for i in range(3)]
    pictures[1].flat[:2] = list(b"BM")  # as a BMP begins
    gray = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    dataset = open_dataset(write(tmp_path / "x.tfrecord", [raw(each, label=b"cat") for each in (*pictures, gray)]))
    assert [sample.label for sample in dataset.samples] == ["cat"] * 4
    for i, each in enumerate(pictures):
        assert np.array_equal(dataset.image(i), each) and np.array_equal(decode_image(dataset.file(i)).pixels, each)
    assert np.array_equal(dataset.image(3), np.repeat(gray, 3, axis=2))
    assert any("pixels without a format" in note for note in dataset.notes)


def test_files_beside_their_size_stay_files(tmp_path: Path) -> None:
    height, width, _ = picture(0).shape
    records = [example(image=data, height=height, width=width, depth=3) for data in FILES]
    dataset = open_dataset(write(tmp_path / "x.tfrecord", records))
    assert dataset.file(1) == FILES[1] and not any("pixels" in note for note in dataset.notes)


def test_pixels_whose_size_is_not_known_are_refused_once(tmp_path: Path) -> None:
    pixels = [picture(i) for i in range(3)]
    bare = write(tmp_path / "x.tfrecord", [example(image=each.tobytes(), label=1) for each in pixels])
    with pytest.raises(
        DatasetError, match=r"3,072 bytes without a format, and there are no features `height`"
    ) as error:
        open_dataset(bare)
    assert "tf.io.encode_png" in error.value.fix
    floats = write(tmp_path / "y.tfrecord", [raw((each / 255).astype(np.float32)) for each in pixels])
    with pytest.raises(DatasetError, match="12,288 bytes without a format, which is not height x width x depth"):
        open_dataset(floats)


def test_features_that_say_nothing_are_listed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="which feature holds the image; it has foo"):
        open_dataset(write(tmp_path / "x.tfrecord", [example(foo=FILES[0])]))


def test_a_compressed_file_is_refused_in_words(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "x.tfrecord").write_bytes(b"x" * 99)
    with pytest.raises(DatasetError, match="does not begin like a TFRecord file"):
        open_dataset(tmp_path / "x.tfrecord")
    (tmp_path / "x.tfrecord").write_bytes(gzip.compress(b"x"))
    with pytest.raises(DatasetError, match=r"is compressed.*gunzip"):
        open_dataset(tmp_path / "x.tfrecord")
    assert not begins_like_tfrecord(b"")


def test_a_first_record_without_a_label_does_not_cost_the_others_theirs(tmp_path: Path) -> None:
    records = [example(image=FILES[0]), example(image=FILES[1], label=b"cat")]
    assert [s.label for s in open_dataset(write(tmp_path / "x.tfrecord", records)).samples] == [None, "cat"]


@pytest.mark.parametrize(
    "label, said", [([0, 0, 1], r"holds 3 values.*argmax"), (0.5, "'0.5' is not a label")], ids=["one-hot", "share"]
)
def test_labels_that_are_none_are_refused(tmp_path: Path, label: list[int] | float, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        open_dataset(write(tmp_path / "x.tfrecord", [example(image=FILES[0], label=label)]))
