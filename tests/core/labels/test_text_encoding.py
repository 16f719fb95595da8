"""Labels files in other encodings than UTF-8."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.labels_file import read_labels_file
from dashboard.core.errors import DatasetError
from dashboard.core.labels.text_encoding import decode_text
from tests.conftest import MakeZip, encoded, picture

TABLE = "file\tlabel\na.png\tkäse\nb.png\t猫\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_what_says_its_encoding_is_read(encoding: str) -> None:
    table = read_labels_file(TABLE.encode(encoding), "labels.csv", {"a", "b"})
    assert (table.files, table.labels) == (("a.png", "b.png"), ("käse", "猫"))
    records = read_labels_file('{"a.png": "käse"}'.encode(encoding), "labels.json", {"a"})
    assert records.labels == ("käse",)


def test_excel_s_unicode_text_is_read_beside_the_images_and_from_elsewhere(make_zip: MakeZip, tmp_path: Path) -> None:
    images = {"a.png": encoded(picture(0)), "b.png": encoded(picture(1))}
    dataset = open_dataset(make_zip({}, extra={**images, "labels.csv": TABLE.encode("utf-16")}))
    assert [sample.label for sample in dataset.samples] == ["käse", "猫"]
    (tmp_path / "labels.txt").write_bytes(TABLE.encode("utf-16"))
    plain = make_zip({}, name="plain.zip", extra=images)
    dataset = open_dataset(describe(plain, Choices(labels=str(tmp_path / "labels.txt")), tmp_path))
    assert [sample.label for sample in dataset.samples] == ["käse", "猫"]


def test_other_encodings_are_not_guessed_and_the_way_out_works(tmp_path: Path) -> None:
    data = "file,label\na.png,cat\nb.png,käse\n".encode("cp1252")
    with pytest.raises(DatasetError) as caught:
        read_labels_file(data, "set/my labels.csv", {"a", "b"})
    assert "line 3, near 'b.png,k�se'" in caught.value.message
    assert 'In Excel, save it as "CSV UTF-8 (comma delimited)".' in caught.value.fix
    (tmp_path / "my labels.csv").write_bytes(data)
    subprocess.run(caught.value.fix.split("`")[1], shell=True, cwd=tmp_path, check=True)
    assert decode_text((tmp_path / "utf8.csv").read_bytes()).endswith("b.png,käse\n")


def test_the_encoding_matters_not_for_files_and_labels_in_ascii() -> None:
    data = "file;label;Schüler\r\na.png;cat;Jörg\r\nb.png;dog;Anna\r\n".encode("cp1252")
    table = read_labels_file(data, "liste.csv", {"a", "b"}, lambda: data)
    assert (table.files, table.labels) == (("a.png", "b.png"), ("cat", "dog")) and table.attributes
    assert table.notes == ("liste.csv is not UTF-8. It is read as cp1252, which matters for its other columns only.",)
    assert table.attributes().columns.to_pydict() == {"Schüler": ["Jörg", "Anna"]}


@pytest.mark.parametrize("encoding", ["cp437", "mac_roman", "cp1251"])
def test_no_command_is_offered_that_would_garble_the_labels(encoding: str) -> None:
    word = "Jäger schön" if encoding != "cp1251" else "Кошка"
    with pytest.raises(DatasetError, match="its encoding is not known") as caught:
        read_labels_file(f"file,label\na.png,cat\nb.png,{word}\n".encode(encoding), "t.csv", {"a", "b"})
    assert "CSV UTF-8" in caught.value.fix and "iconv" not in caught.value.fix


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "cp1251", "mac_roman"])
def test_the_encoding_is_certain_in_which_the_files_name_images(encoding: str) -> None:
    word = "Schüler" if encoding != "cp1251" else "Ученик"
    data = f"file,label\n{word}_1.png,cat\n{word}_2.png,{word}\nnicht da {word}.png,dog\n".encode(encoding)
    table = read_labels_file(data, "liste.csv", {f"{word}_1", f"{word}_2"})
    assert table.labels == ("cat", word, "dog") and table.files[0] == f"{word}_1.png"
    assert table.notes[0].endswith("in which its file names are those of images.")
    with pytest.raises(DatasetError, match="its encoding is not known"):
        read_labels_file(data, "liste.csv", {"1", "2"})


def test_zeros_in_other_text_do_not_make_it_utf_16() -> None:
    assert decode_text(b"a\0b\0cd") == "a\0b\0cd"
    assert decode_text(b"") == "" and decode_text(b"a") == "a"
