from __future__ import annotations

import errno
import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import Dataset, cifar10_archive, is_there, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.library import library
from dashboard.core.datasets.uploads import is_whole, keep_upload, keep_uploads, kept_upload, plain_name
from dashboard.core.errors import DatasetError
from dashboard.core.settings import Settings
from tests.conftest import encoded, picture


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", max_upload_mb=1)


def test_an_empty_server_offers_the_samples_that_come_with_it(settings: Settings) -> None:
    assert [entry.title for entry in library(settings)] == ["Sample images"]


def test_own_datasets_come_first_and_other_files_are_passed_over(settings: Settings) -> None:
    for folder in (settings.data_dir / "samples", settings.downloads_dir, settings.datasets_dir / "pets"):
        folder.mkdir(parents=True)
    for name in (
        "birds.ZIP",
        "notes.txt",
        "a.npz",
        "b.parquet",
        "c.tfrecord",
        "d.tar.gz",
        "e.dataset.json",
        "f.json",
        "g.tar",
        "h.TGZ",
        "t10k-images-idx3-ubyte.gz",
    ):
        (settings.datasets_dir / name).write_bytes(b"")
    archive = settings.downloads_dir / cifar10_archive.FILE_NAME
    archive.write_bytes(b"")
    assert [(entry.title, entry.path) for entry in library(settings)] == [
        *((n, settings.datasets_dir / n) for n in ("a.npz", "b.parquet", "birds.ZIP", "c.tfrecord", "d.tar.gz")),
        *((n, settings.datasets_dir / n) for n in ("e.dataset.json", "g.tar", "h.TGZ", "pets")),
        ("CIFAR-10 test set", archive),
        ("Sample images", settings.samples_dir),
    ]


def test_an_upload_lies_under_the_hash_of_its_content(settings: Settings) -> None:
    data = bytes(range(256)) * 100
    path = keep_upload(io.BytesIO(data), "my pets.zip", settings)
    assert path.read_bytes() == data
    assert path == settings.uploads_dir / hashlib.sha256(data).hexdigest()[:16] / "my pets.zip"


@pytest.mark.parametrize("name", ["my photos.tar", "my photos.tar.gz", "my photos.tgz", "MY.PHOTOS.TAR.GZ"])
def test_a_tar_keeps_all_of_its_suffix(settings: Settings, name: str) -> None:
    path = keep_upload(io.BytesIO(b"x"), name, settings)
    assert path.name == name and is_whole(name)


def test_the_same_upload_twice_is_stored_once(settings: Settings) -> None:
    first, second = (keep_upload(io.BytesIO(b"content"), "a.zip", settings) for _ in range(2))
    other = keep_upload(io.BytesIO(b"other"), "a.zip", settings)
    assert first == second != other
    assert sorted(p for p in settings.uploads_dir.rglob("*") if p.is_file()) == sorted([first, other])


def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(settings: Settings) -> None:
    with pytest.raises(DatasetError, match="larger than the 1 MB allowed") as caught:
        keep_upload(io.BytesIO(bytes(2**20 + 1)), "large.zip", settings)
    assert caught.value.code == "upload_too_large"
    assert "folder datasets of the data folder" in caught.value.fix and "data/datasets" not in caught.value.fix
    assert list(settings.uploads_dir.glob("*")) == []
    assert keep_upload(io.BytesIO(bytes(2**20)), "just.zip", settings).stat().st_size == 2**20


def test_a_name_cannot_leave_the_folder(settings: Settings) -> None:
    path = keep_upload(io.BytesIO(b"x"), "../../../etc/passwd.zip", settings)
    assert path.resolve().is_relative_to(settings.uploads_dir.resolve())
    assert path.name == "passwd.zip"


@pytest.mark.parametrize(
    "name, safe",
    [
        ("pets.zip", "pets.zip"), ("my pets (1).zip", "my pets (1).zip"), ("C:\\Users\\me\\pets.zip", "pets.zip"),
        ("Käfer 小.zip", "Käfer 小.zip"), ("...zip", "dataset.zip"), ("", "dataset"), ("/", "dataset"),
        ("<img src=x onerror=alert(1)>.zip", "img src=x onerror=alert(1).zip"), ("a" * 300 + ".zip", "a" * 80 + ".zip"),
        ("x.zi/p", "p"), ("line\nbreak.zip", "line break.zip"), ("aux.zip", "_aux.zip"), ("x.pn\u202eg", "x.png"),
        ("messy [2].zip", "messy [2].zip"), ("a & b, c's #1 50%+.zip", "a & b, c's #1 50%+.zip"), ("../..\\x [1].zip", "x [1].zip"),
        ("a\x1b[31m\u202eb.zip", "a_[31m_b.zip"), ("\U0001f408" * 80 + ".zip", "\U0001f408" * 50 + ".zip"), ("ka\u0308fer.zip", "ka\u0308fer.zip"),
    ],
)  # fmt: skip
def test_plain_names(name: str, safe: str) -> None:
    assert plain_name(name) == safe


def files(**contents: bytes) -> list[tuple[str, io.BytesIO]]:
    return [(name.replace("__", "."), io.BytesIO(data)) for name, data in contents.items()]


def test_several_loose_files_become_one_dataset_that_keeps_their_names(settings: Settings) -> None:
    given = [
        ("my cat.png", io.BytesIO(encoded(picture(1)))), ("ü 猫.jpg", io.BytesIO(encoded(picture(2), "JPEG"))),
        ("my dog.png", io.BytesIO(encoded(picture(3)))), ("labels.csv", io.BytesIO(b"file,label\nmy cat.png,cat\n")),
    ]  # fmt: skip
    path = keep_uploads(given, settings)
    assert path.name == "my cat and 3 more"
    dataset = open_dataset(path)
    assert [(s.name, s.label) for s in dataset.samples] == [
        ("my cat.png", "cat"),
        ("ü 猫.jpg", None),
        ("my dog.png", None),
    ]
    assert np.array_equal(dataset.image(2), picture(3))
    assert keep_uploads(given, settings) == path  # stored once
    assert [p for p in settings.uploads_dir.rglob("*") if p.is_file()] == [path]


TABLE = b"Datei;Klasse\nIMG_0001.JPG;airplane\nIMG_0002.JPG;ship\n"
FIRST, SECOND = ("IMG_0001 (1 of 2 with this name).JPG", "IMG_0001 (2 of 2 with this name).JPG")


def uploaded(settings: Settings, *given: tuple[str, bytes]) -> Dataset:
    return open_dataset(keep_uploads([(name, io.BytesIO(data)) for name, data in given], settings))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_name_that_different_images_have_labels_none_of_them(settings: Settings, order: tuple[int, int]) -> None:
    alike = [("IMG_0001.JPG", encoded(picture(i), "JPEG")) for i in order]
    dataset = uploaded(settings, *alike, ("IMG_0002.JPG", encoded(picture(2), "JPEG")), ("l.csv", TABLE))
    assert [(s.name, s.label) for s in dataset.samples] == [
        (FIRST, None),
        (SECOND, None),
        ("IMG_0002.JPG", "ship"),
    ]
    told = "1 row of l.csv fits several images, so it gives no label: IMG_0001.JPG. "
    assert told + "Rename these images and their rows, then upload them again." in dataset.notes


@pytest.mark.parametrize("row", ["IMG_0001.JPG", "IMG_0001", "img_0001.jpg", "photos/IMG_0001.JPG"])
def test_a_table_of_nothing_but_such_names_is_refused_with_what_to_do(settings: Settings, row: str) -> None:
    alike = [("IMG_0001.JPG", encoded(picture(i), "JPEG")) for i in range(2)]
    with pytest.raises(DatasetError, match="names none of the 2 images clearly") as caught:
        uploaded(settings, *alike, ("l.csv", f"file,label\n{row},cat\n".encode()))
    assert caught.value.fix.startswith("Rename these images and their rows, then upload them again.")


def test_such_images_are_labelled_by_the_names_that_the_dashboard_gave_them(settings: Settings) -> None:
    alike = [("IMG_0001.JPG", encoded(picture(i), "JPEG")) for i in range(2)]
    dataset = uploaded(settings, *alike, ("l.csv", f"file,label\n{SECOND},cat\n{FIRST},dog\n".encode()))
    assert [(s.name, s.label) for s in dataset.samples] == [(FIRST, "dog"), (SECOND, "cat")]


def test_the_same_image_twice_has_its_label_once(settings: Settings) -> None:
    alike = [("IMG_0001.JPG", encoded(picture(0), "JPEG"))] * 2
    dataset = uploaded(settings, *alike, ("IMG_0002.JPG", encoded(picture(2), "JPEG")), ("l.csv", TABLE))
    assert [(s.name, s.label) for s in dataset.samples] == [
        ("IMG_0001.JPG", "airplane"),
        ("IMG_0001 (2).JPG", None),
        ("IMG_0002.JPG", "ship"),
    ]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_numbers_in_the_names_of_the_user_stay_as_they_are(settings: Settings, at: int) -> None:
    given = [("IMG_0001.JPG", encoded(picture(0), "JPEG"))] * 2
    given.insert(at, ("IMG_0001 (2).JPG", encoded(picture(1), "JPEG")))
    table = b"file,label\nIMG_0001.JPG,cat\nIMG_0001 (2).JPG,dog\n"
    dataset = uploaded(settings, *given, ("l.csv", table))
    assert {s.name: s.label for s in dataset.samples} == {
        "IMG_0001.JPG": "cat",
        "IMG_0001 (2).JPG": "dog",
        "IMG_0001 (3).JPG": None,
    }
    assert np.array_equal(
        dataset.image(at), open_dataset(keep_upload(io.BytesIO(given[at][1]), "x.jpg", settings)).image(0)
    )
    dataset = uploaded(settings, *given[at : at + 1], given[at - 1], ("l.csv", table))
    assert {s.name: s.label for s in dataset.samples} == {"IMG_0001.JPG": "cat", "IMG_0001 (2).JPG": "dog"}


def test_a_dot_in_the_first_name_does_not_become_the_suffix_of_the_dataset(settings: Settings) -> None:
    path = keep_uploads(files(**{"a.npz__png": encoded(picture(1)), "b__png": encoded(picture(2))}), settings)
    assert path.name == "a_npz and 1 more" and len(open_dataset(path).samples) == 2


def test_images_and_labels_as_arrays_belong_together(settings: Settings) -> None:
    arrays = {"images__npy": np.stack([picture(0), picture(1)]), "labels__npy": np.array([3, 5])}
    contents = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        contents[name] = buffer.getvalue()
    dataset = open_dataset(keep_uploads(files(**contents), settings))
    assert [s.label for s in dataset.samples] == ["3", "5"] and np.array_equal(dataset.image(1), picture(1))


def test_one_file_is_kept_as_it_is(settings: Settings) -> None:
    path = keep_uploads(files(a__png=encoded(picture(1))), settings)
    assert path.name == "a.png" and np.array_equal(open_dataset(path).image(0), picture(1))


@pytest.mark.parametrize("name", ["x__dataset__json", "labels__csv", "x__exe", "x", "x__html"])
def test_what_is_no_dataset_is_not_kept(settings: Settings, name: str) -> None:
    with pytest.raises(DatasetError, match="is not a dataset by itself"):
        keep_uploads(files(**{name: b'{"images": "/etc", "labels": "/etc/passwd"}'}), settings)
    assert not settings.uploads_dir.exists()


@pytest.mark.parametrize(
    "name, way_out", [("theirs.csv", "python -m dashboard import FILE"), ("m.keras", "python -m dashboard models add")]
)
def test_predictions_and_models_are_told_of_their_commands(settings: Settings, name: str, way_out: str) -> None:
    with pytest.raises(DatasetError) as refused:
        keep_uploads([(name, io.BytesIO(b"p_cat,p_dog\n0.1,0.9\n"))], settings)
    assert way_out in refused.value.fix


@pytest.mark.parametrize("table_first", [False, True])
def test_a_zip_and_its_labels_file_are_one_dataset(settings: Settings, table_first: bool) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i in range(2):
            archive.writestr(f"Bilder/{i}.png", encoded(picture(i)))
    given = [("Bilder.zip", packed), ("Liste.csv", io.BytesIO(b"Datei;Klasse\n0.png;ship\n1.png;dog\n"))]
    path = keep_uploads(given[::-1] if table_first else given, settings)
    assert [sample.label for sample in open_dataset(path).samples] == ["ship", "dog"]
    assert path.name == "Bilder.zip with Liste.csv.dataset.json"
    assert kept_upload(path.parent.name, settings) == path


def test_nobody_looks_at_other_files_of_the_server_by_the_address(settings: Settings) -> None:
    own = settings.data_dir / "private" / "photos.zip"
    own.parent.mkdir(parents=True)
    own.touch()
    described = describe(own, Choices(split="train"), settings.described_dir)
    assert kept_upload(described.parent.name, settings) is None
    described.write_text("{")
    assert kept_upload(described.parent.name, settings) is None


def test_two_datasets_or_two_tables_are_no_dataset_with_its_labels(settings: Settings) -> None:
    for names in (("a__zip", "b__zip"), ("a__parquet", "b__parquet"), ("a__zip", "b__png"), ("a__zip", "readme__txt")):
        with pytest.raises(DatasetError, match="cannot be uploaded together"):
            keep_uploads(files(**dict.fromkeys(names, b"x")), settings)


@pytest.mark.parametrize("other", ["b__zip", "b__parquet", "b__tfrecord", "b__exe"])
def test_a_dataset_of_its_own_cannot_be_one_of_several(settings: Settings, other: str) -> None:
    with pytest.raises(DatasetError, match="cannot be uploaded together") as caught:
        keep_uploads(files(a__png=b"x", **{other: b"y"}), settings)
    assert caught.value.code == "upload_mixed"


def test_several_files_over_the_limit_together_are_refused(settings: Settings) -> None:
    with pytest.raises(DatasetError, match="1 MB allowed"):
        keep_uploads(files(a__png=bytes(2**19), b__png=bytes(2**19 + 1)), settings)
    assert list(settings.uploads_dir.glob("*")) == []


def test_an_own_dataset_is_told_from_those_of_the_dashboard(settings: Settings) -> None:
    own = settings.datasets_dir / "Sample images"
    own.mkdir(parents=True)
    entries = {entry.title: entry.path for entry in library(settings)}
    assert entries == {"Sample images (folder datasets)": own, "Sample images": settings.samples_dir}


def test_an_entry_that_cannot_be_looked_at_is_passed_over(settings: Settings) -> None:
    (settings.datasets_dir / "pets").mkdir(parents=True)
    (settings.datasets_dir / "link").symlink_to("x" * 300)  # the name of its target is too long
    assert [entry.title for entry in library(settings)] == ["pets", "Sample images"]


def test_folders_that_cannot_be_looked_into_hide_nothing_else(settings: Settings) -> None:
    (settings.datasets_dir / "pets").mkdir(parents=True)
    settings.downloads_dir.symlink_to("x" * 300)
    settings.uploads_dir.symlink_to("x" * 300)
    assert [entry.title for entry in library(settings)] == ["pets", "Sample images"]
    assert kept_upload("0" * 16, settings) is None and not is_there(settings.uploads_dir / "pets.zip")
    settings.uploads_dir.unlink()
    kept = keep_upload(io.BytesIO(b"PK"), "p.zip", settings)
    assert kept_upload(kept.parent.name, settings) == kept and is_there(kept)


def test_an_upload_that_the_system_refuses_to_store_is_told_with_the_way_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(DatasetError, match=r"a\.png could not be stored: Read-only file system") as caught:
        keep_uploads(files(a__png=b"x"), settings)
    assert caught.value.code == "storage" and "Mount" in caught.value.fix and "then upload it again" in caught.value.fix
