"""Loose images, patterns, single files, and labels that lie elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import is_there, open_dataset, open_unchanged
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.images.decoding import decode_image
from dashboard.core.questions import UndecidedError
from tests.conftest import MakeZip, encoded, picture
from tests.core.datasets.test_tfrecord import example, write


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for i, name in enumerate(["cat/0.png", "cat/1.jpeg", "dog/a/2.png", "dog/Thumbs.db", "top.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(picture(i)))
    return root


def names(path: Path) -> list[str]:
    return [s.name for s in open_dataset(path).samples]


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("**/*.png", ["cat/0.png", "dog/a/2.png", "top.png"]), ("*/*", ["cat/0.png", "cat/1.jpeg"]), ("*.png", ["top.png"]),
        ("cat/*.[jp]*", ["0.png", "1.jpeg"]), ("**/2.???", ["dog/a/2.png"]), ("d*/**", ["dog/a/2.png"]),
    ],
)  # fmt: skip
def test_patterns(photos: Path, pattern: str, expected: list[str]) -> None:
    assert names(photos / pattern) == expected
    dataset = open_dataset(photos / pattern)
    assert open_unchanged(photos / pattern, dataset.samples[:1]).image(0).shape == (32, 32, 3)


def test_a_pattern_keeps_class_folders(photos: Path) -> None:
    assert [s.label for s in open_dataset(photos / "**" / "*.png").samples] == ["cat", "a", None]


def test_a_pattern_does_not_follow_links(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.png").write_bytes(encoded(picture(9)))
    (photos / "link").symlink_to(tmp_path / "secret")
    (photos / "loop").symlink_to(photos)
    (photos / "l.png").symlink_to(tmp_path / "secret" / "s.png")
    assert names(photos / "**/*.png") == ["cat/0.png", "dog/a/2.png", "top.png"]


def test_a_pattern_that_means_nothing(photos: Path) -> None:
    for pattern in ("*.gif", "nowhere/*.png"):
        with pytest.raises(DatasetError, match="No file matches"):
            open_dataset(photos / pattern)


def test_brackets_in_the_name_of_a_folder_are_told_from_those_of_a_pattern(photos: Path) -> None:
    named = photos.rename(photos.with_name("photos [x]"))
    with pytest.raises(DatasetError, match="No file matches") as caught:
        open_dataset(named / "*/*.[jp]*")
    own = f"{named.parent}/photos [[]x]/*/*.[jp]*"
    assert f"'{own}'" in caught.value.fix
    assert names(Path(own)) == ["photos [x]/cat/0.png", "photos [x]/cat/1.jpeg"]


def test_a_file_called_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].png").write_bytes(encoded(picture(1)))
    assert names(tmp_path / "a[1].png") == ["a[1].png"]


def test_a_single_image(photos: Path) -> None:
    dataset = open_dataset(photos / "top.png")
    assert [(s.name, s.label) for s in dataset.samples] == [("top.png", None)]
    assert np.array_equal(dataset.image(0), picture(4)) and "not compared" in dataset.notes[0]


def test_loose_images_are_said_to_be_without_labels(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({}, extra={f"{i}.png": encoded(picture(i)) for i in range(3)}))
    assert {s.label for s in dataset.samples} == {None} and "are not in class folders" in dataset.notes[0]
    mixed = open_dataset(make_zip({"cat": 2}, name="mixed.zip", extra={"top.png": encoded(picture(3))}))
    assert "Not in a class folder: top.png" in mixed.notes[0]


def test_a_changed_file_in_a_folder_changes_the_fingerprint(photos: Path) -> None:
    dataset = open_dataset(photos)
    before = dataset.fingerprint
    os.utime(photos / "cat" / "0.png", (1, 1))
    assert open_dataset(photos).fingerprint != before


def test_other_content_of_the_same_size_and_time_changes_the_fingerprint(tmp_path: Path) -> None:
    for folder, shade in (("a", 10), ("b", 200)):
        for label in ("cat", "dog"):
            (tmp_path / folder / label).mkdir(parents=True)
            shaded = np.full((8, 8, 3), shade + ord(label[0]) % 9, np.uint8)
            (tmp_path / folder / label / "1.bmp").write_bytes(encoded(shaded, "BMP"))
            os.utime(tmp_path / folder / label / "1.bmp", (315532800, 315532800))  # 1980, as in reproducible archives
    first, second = (open_dataset(tmp_path / name).fingerprint for name in "ab")
    assert first != second
    cat, dog, third = (tmp_path / "a" / name for name in ("cat/1.bmp", "dog/1.bmp", "third.bmp"))
    cat.rename(third), dog.rename(cat), third.rename(dog)
    assert open_dataset(tmp_path / "a").fingerprint != first


def test_labels_that_lie_elsewhere(photos: Path, make_zip: MakeZip, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("file,label\ncat/0.png,frog\ntop.png,ship\nmissing.png,cat\n")
    described = describe(photos, Choices(labels=str(truth)), tmp_path / "described")
    dataset = open_dataset(described)
    assert [(s.name, s.label) for s in dataset.samples] == [
        ("cat/0.png", "frog"), ("cat/1.jpeg", None), ("dog/a/2.png", None), ("top.png", "ship"), ("missing.png", "cat"),
    ]  # fmt: skip
    assert np.array_equal(dataset.image(3), picture(4))
    with pytest.raises(ImageError, match="no such image"):
        dataset.image(4)
    before = dataset.fingerprint
    truth.write_text("file,label\ncat/0.png,dog\n")
    again = open_dataset(described)
    assert again.samples[0].label == "dog" and again.fingerprint != before
    with pytest.raises(DatasetError, match="was changed"):
        open_unchanged(described, dataset.samples[:1])


def test_labels_for_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.stack([picture(i) for i in range(3)]))
    np.save(tmp_path / "y.npy", np.array([2, 0, 1]))
    dataset = open_dataset(
        describe(tmp_path / "x.npy", Choices(labels=str(tmp_path / "y.npy")), tmp_path / "described")
    )
    assert [s.label for s in dataset.samples] == ["2", "0", "1"] and np.array_equal(dataset.image(2), picture(2))
    np.save(tmp_path / "z.npy", np.array([2, 0]))
    with pytest.raises(DatasetError, match="2 labels for 3 images"):
        open_dataset(describe(tmp_path / "x.npy", Choices(labels=str(tmp_path / "z.npy")), tmp_path / "described"))


def test_descriptions_that_describe_nothing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        describe(tmp_path, Choices(labels=str(tmp_path / "no.csv")), tmp_path)
    for i, text in enumerate(
        ["{", "[]", '{"images": 3, "labels": "x"}', '{"images": "gone.zip", "labels": "gone.csv"}']
    ):
        path = tmp_path / f"{i}.dataset.json"
        path.write_text(text)
        with pytest.raises(DatasetError):
            open_dataset(path)


def test_a_description_that_describes_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.dataset.json"
    path.write_text('{"images": "x.dataset.json", "labels": "x.dataset.json"}')
    with pytest.raises(DatasetError, match="is not a valid description"):
        open_dataset(path)


def test_large_photos_are_decoded_at_reduced_scale_whatever_they_lie_in(make_zip: MakeZip, tmp_path: Path) -> None:
    photo = encoded(picture(1, 1600, 1200), "JPEG")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.jpg").write_bytes(photo)
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,cat\n")
    pq.write_table(pa.table({"image": pa.array([photo], pa.binary())}), tmp_path / "x.parquet")
    for path in (
        make_zip({}, extra={"cat/a.jpg": photo}), tmp_path / "folder", tmp_path / "folder" / "*.jpg",
        tmp_path / "folder" / "a.jpg", tmp_path / "x.parquet", write(tmp_path / "x.tfrecord", [example(image=photo)]),
        describe(tmp_path / "folder", Choices(labels=str(tmp_path / "labels.csv")), tmp_path),
    ):  # fmt: skip
        dataset = open_dataset(path)
        assert dataset.image(0, (128, 128)).shape == (150, 200, 3), path  # at 1/8
        assert dataset.image(0).shape == (1200, 1600, 3)


def test_a_folder_is_not_walked_again_while_nothing_changes(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_dataset(photos)
    monkeypatch.setattr("os.walk", lambda *_: pytest.fail("walked again"))
    assert open_dataset(photos) is first
    monkeypatch.undo()
    (photos / "dog" / "a" / "b").mkdir()
    (photos / "dog" / "a" / "b" / "new.png").write_bytes(encoded(picture(1)))
    assert len(open_dataset(photos).samples) == len(first.samples) + 1


def test_every_kind_gives_an_image_as_a_file(make_zip: MakeZip, tmp_path: Path) -> None:
    data = encoded(picture(1))
    np.save(tmp_path / "x.npy", picture(1)[None])
    pq.write_table(pa.table({"image": pa.array([data], pa.binary())}), tmp_path / "x.parquet")
    kinds = [
        make_zip({}, extra={"cat/a.png": data}), tmp_path / "x.npy", tmp_path / "x.parquet",
        write(tmp_path / "x.tfrecord", [example(image=data)]),
    ]  # fmt: skip
    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\nb.png,dog\n")
    kinds.append(describe(kinds[0], Choices(labels=str(tmp_path / "labels.csv")), tmp_path))
    for path in kinds:
        assert np.array_equal(decode_image(open_dataset(path).file(0)).pixels, picture(1)), path
    with pytest.raises(ImageError, match="no such image"):
        open_dataset(kinds[-1]).file(1)


def refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes folders with this name unreadable. It patches the call, since root may read everything."""
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_may_not_be_read_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused("photos", monkeypatch)
    with pytest.raises(DatasetError, match=r"photos cannot be read: Permission denied") as caught:
        open_dataset(photos)
    assert caught.value.code == "unreadable" and caught.value.fix


def test_a_folder_below_that_may_not_be_read_stands_for_its_files(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        refused("a", patched)
        dataset = open_dataset(photos)
    assert [(s.name, s.label) for s in dataset.samples] == [
        ("cat/0.png", "cat"), ("cat/1.jpeg", "cat"), ("dog/a/", None), ("top.png", None),
    ]  # fmt: skip
    with pytest.raises(ImageError, match="folder cannot be opened") as caught:
        dataset.image(2)
    assert caught.value.fix
    (photos / "dog" / "a").chmod(0o700)
    assert "dog/a/2.png" in names(photos)


def test_a_file_that_may_not_be_read_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = photos / "top.png"

    def refuse(*arguments: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DatasetError, match=r"top\.png cannot be read: Permission denied"):
        open_dataset(path)


def test_labels_without_names_are_not_given_to_files(photos: Path, tmp_path: Path) -> None:
    """10.png comes before 2.png, so the order of the files is not certain."""
    np.save(tmp_path / "y.npy", np.arange(4))
    with pytest.raises(DatasetError, match=r"y\.npy has no file names"):
        open_dataset(describe(photos, Choices(labels=str(tmp_path / "y.npy")), tmp_path))


def test_labels_that_are_given_stand_above_those_in_the_dataset(make_zip: MakeZip, tmp_path: Path) -> None:
    inner = {"0.png": encoded(picture(1)), "train.csv": b"file,label\n", "test.csv": b"what,ever\n1,2\n"}
    (tmp_path / "truth.csv").write_text("file,label\n0.png,cat\n")
    dataset = open_dataset(describe(make_zip({}, extra=inner), Choices(labels=str(tmp_path / "truth.csv")), tmp_path))
    assert {s.name: s.label for s in dataset.samples}["0.png"] == "cat"


def test_links_that_are_not_followed_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "dog").mkdir(parents=True)
    (folder / "dog" / "1.png").write_bytes(encoded(picture(1)))
    (folder / "cat").symlink_to(folder / "dog")
    dataset = open_dataset(folder)
    assert len(dataset.samples) == 1 and dataset.notes[-1] == "Symbolic links are not followed: cat."
    (folder / "dog" / "1.png").rename(tmp_path / "1.png")
    (folder / "dog" / "1.png").symlink_to(tmp_path / "1.png")
    with pytest.raises(DatasetError, match=r"only symbolic links, which are not followed: cat, dog/1\.png"):
        open_dataset(folder)


def test_of_several_splits_the_test_split_is_opened_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for i, name in enumerate(("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001")):
        write(folder / f"{name}.tfrecord", [example(image=encoded(picture(i)), label=i)])
    dataset = open_dataset(folder)
    assert [s.label for s in dataset.samples] == ["2"] and np.array_equal(dataset.image(0), picture(2))
    assert "Only the split test is used" in dataset.notes[0] and "train: 2 files" in dataset.notes[0]
    assert [a.value for a in dataset.questions[0].answers] == ["test", "train", "all"]
    train, every = (open_dataset(folder, Choices(split=split)) for split in ("train", "all"))
    assert [s.label for s in train.samples] == ["0", "1"] and len(every.samples) == 3
    assert len({dataset.fingerprint, train.fingerprint, every.fingerprint}) == 3
    assert len(open_dataset(folder / "train*").samples) == 2


def test_splits_of_parquet_are_told_with_their_images(tmp_path: Path) -> None:
    for name, count in (("train-00000-of-00001", 3), ("test-00000-of-00001", 2)):
        columns = {"image": [encoded(picture(i)) for i in range(count)], "label": ["cat"] * count}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    dataset = open_dataset(tmp_path)
    assert len(dataset.samples) == 2 and "train: 3 images in train-00000-of-00001.parquet" in dataset.notes[0]


@pytest.mark.parametrize(
    "names, split",
    [
        (("mnist-train.tfrecord-00000-of-00001", "mnist-val.tfrecord-00000-of-00001"), "val"),
        (("default/train/0000.tfrecord", "default/validation/0000.tfrecord"), "val"),
        (("x_Train.tfrecord", "x_dev.tfrecord"), "val"),
    ],
    ids=["end of the name", "folders", "upper case"],
)
def test_without_a_test_split_the_user_chooses(tmp_path: Path, names: tuple[str, ...], split: str) -> None:
    for i, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, [example(image=encoded(picture(i)), label=i)])
    with pytest.raises(UndecidedError, match="more than one split") as asked:
        open_dataset(tmp_path)
    assert asked.value.code == "several_splits" and f"--split {split} " in asked.value.fix
    assert [s.label for s in open_dataset(tmp_path, Choices(split=split)).samples] == ["1"]
    assert [s.label for s in open_dataset(describe(tmp_path, Choices(split="train"), tmp_path / "d")).samples] == ["0"]


def test_words_that_only_contain_a_split_are_none(tmp_path: Path) -> None:
    for name in ("latest.tfrecord", "trained.tfrecord"):
        write(tmp_path / name, [example(image=encoded(picture(1)), label=1)])
    assert len(open_dataset(tmp_path).samples) == 2


def test_what_lies_beside_shards_is_no_shard(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", [example(image=encoded(picture(1)), label=1)])
    for name in (".a.tfrecord.crc", "a.tfrecord.idx", "a.tfrecord.json"):
        (tmp_path / name).write_bytes(b"crc")
    assert len(open_dataset(tmp_path).samples) == 1


def test_a_pattern_is_there_as_long_as_its_folder_is(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert is_there(tmp_path / "photos") and is_there(tmp_path / "photos" / "**" / "*.jpg")
    assert not is_there(tmp_path / "x.zip") and not is_there(tmp_path / "gone" / "*.jpg")


def test_a_description_of_files_with_long_names(tmp_path: Path) -> None:
    images, labels = tmp_path / f"{'é' * 120}.png", tmp_path / f"{'x' * 250}.csv"
    images.write_bytes(encoded(picture(1)))
    labels.write_text(f"file,label\n{images.name},cat\n")
    assert [s.label for s in open_dataset(describe(images, Choices(labels=str(labels)), tmp_path)).samples] == ["cat"]


@pytest.mark.parametrize("at", ["images", "labels"])
def test_a_description_of_files_whose_names_cannot_be_stored(tmp_path: Path, at: str) -> None:
    files = {"images": tmp_path / "x.zip", "labels": tmp_path / "y.csv"}
    files[at] = tmp_path / os.fsdecode(b"l\xe9.csv")
    for path in files.values():
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="is not valid UTF-8"):
        describe(files["images"], Choices(labels=str(files["labels"])), tmp_path)
