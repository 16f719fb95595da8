from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from dashboard.core import cifar10
from dashboard.core.dataset_library import keep_upload, library, plain_name
from dashboard.core.errors import DatasetError
from dashboard.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", max_upload_mb=1)


def test_an_empty_server_offers_nothing(settings: Settings) -> None:
    assert library(settings) == []


def test_own_datasets_come_first_and_other_files_are_passed_over(settings: Settings) -> None:
    for folder in (settings.samples_dir, settings.downloads_dir, settings.datasets_dir / "pets"):
        folder.mkdir(parents=True)
    for name in ("birds.ZIP", "notes.txt"):
        (settings.datasets_dir / name).write_bytes(b"")
    archive = settings.downloads_dir / cifar10.FILE_NAME
    archive.write_bytes(b"")
    assert [(entry.title, entry.path) for entry in library(settings)] == [
        ("birds.ZIP", settings.datasets_dir / "birds.ZIP"),
        ("pets", settings.datasets_dir / "pets"),
        ("CIFAR-10 test set", archive),
        ("Sample images", settings.samples_dir),
    ]


def test_an_upload_lies_under_the_hash_of_its_content(settings: Settings) -> None:
    data = bytes(range(256)) * 100
    path = keep_upload(io.BytesIO(data), "my pets.zip", settings)
    assert path.read_bytes() == data
    assert path == settings.uploads_dir / hashlib.sha256(data).hexdigest()[:16] / "my_pets.zip"


def test_the_same_upload_twice_is_stored_once(settings: Settings) -> None:
    first, second = (keep_upload(io.BytesIO(b"content"), "a.zip", settings) for _ in range(2))
    other = keep_upload(io.BytesIO(b"other"), "a.zip", settings)
    assert first == second != other
    assert sorted(p for p in settings.uploads_dir.rglob("*") if p.is_file()) == sorted([first, other])


def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(settings: Settings) -> None:
    with pytest.raises(DatasetError, match="larger than the 1 MB allowed") as caught:
        keep_upload(io.BytesIO(bytes(2**20 + 1)), "large.zip", settings)
    assert caught.value.code == "upload_too_large"
    assert list(settings.uploads_dir.iterdir()) == []
    assert keep_upload(io.BytesIO(bytes(2**20)), "just.zip", settings).stat().st_size == 2**20


def test_a_name_cannot_leave_the_folder(settings: Settings) -> None:
    path = keep_upload(io.BytesIO(b"x"), "../../../etc/passwd.zip", settings)
    assert path.resolve().is_relative_to(settings.uploads_dir.resolve())
    assert path.name == "passwd.zip"


@pytest.mark.parametrize(
    "name, safe",
    [
        ("pets.zip", "pets.zip"), ("my pets (1).zip", "my_pets_1.zip"), ("C:\\Users\\me\\pets.zip", "pets.zip"),
        ("Käfer 小.zip", "Käfer_小.zip"), ("...zip", "dataset.zip"), ("", "dataset"), ("/", "dataset"),
        ("<img src=x onerror=alert(1)>.zip", "img_src_x_onerror_alert_1.zip"), ("a" * 300 + ".zip", "a" * 80 + ".zip"),
        ("x.zi/p", "p"), ("line\nbreak.zip", "line_break.zip"), ("x.pn\u202eg", "x.png"),
    ],
)  # fmt: skip
def test_plain_names(name: str, safe: str) -> None:
    assert plain_name(name) == safe
