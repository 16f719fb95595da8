"""Hostile archives."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.errors import DatasetError, ImageError
from tests.conftest import MakeZip, encoded, picture
from tests.core.damage import outcomes_of_dataset


def names(dataset: Dataset) -> list[str]:
    return [s.name for s in dataset.samples]


def refused(path: Path) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    assert path.name in caught.value.message and caught.value.fix
    return caught.value


def reason(dataset: Dataset, index: int) -> ImageError:
    with pytest.raises(ImageError) as caught:
        dataset.image(index)
    return caught.value


def test_class_folders_and_pixels(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({"cat": 2, "dog": 1}))
    assert [(s.index, s.name, s.label) for s in dataset.samples] == [
        (0, "cat/0.png", "cat"), (1, "cat/1.png", "cat"), (2, "dog/0.png", "dog"),
    ]  # fmt: skip
    for i in range(3):
        assert np.array_equal(dataset.image(i), picture(i))


def test_prefix_folders_are_no_classes(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({"cat": 1}, prefix="my data/test/"))
    assert names(dataset) == ["my data/test/cat/0.png"] and dataset.samples[0].label == "cat"


def test_images_at_the_top_have_no_label(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({}, extra={"a.png": encoded(picture(1))}))
    assert dataset.samples[0].label is None


def test_backslashes_separate_folders_too(make_zip: MakeZip) -> None:
    dataset = open_dataset(make_zip({}, extra={"set\\cat\\a.png": encoded(picture(1))}))
    assert dataset.samples[0].label == "cat" and np.array_equal(dataset.image(0), picture(1))


def test_what_systems_leave_behind_is_ignored(make_zip: MakeZip) -> None:
    junk = [
        "__MACOSX/cat/._0.png",
        "cat/.DS_Store",
        "cat/Thumbs.db",
        "cat/desktop.ini",
        "dog/._1.png",
        ".~lock.Tabelle1.csv#",
        "~$Liste.xlsx",
    ]
    dataset = open_dataset(make_zip({"cat": 1}, extra=dict.fromkeys(junk, b"x")))
    assert names(dataset) == ["cat/0.png"]


def test_documents_beside_the_images_are_not_counted(make_zip: MakeZip) -> None:
    extra = {"README": b"hello", "cat/notes.txt": b"hello", "class_indices.json": b'{"cat": 0}'}
    dataset = open_dataset(make_zip({"cat": 2, "dog": 1}, extra=extra))
    assert names(dataset) == ["cat/0.png", "cat/1.png", "dog/0.png"]
    [note] = [note for note in dataset.notes if "ignored" in note]
    assert note.startswith("3 files that are not images are ignored: ") and set(extra) <= set(note[41:-1].split(", "))
    assert dataset.fingerprint != open_dataset(make_zip({"cat": 2, "dog": 1}, name="plain.zip")).fingerprint


def test_other_files_are_listed_and_refused_one_by_one(make_zip: MakeZip) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("cat/0.png", encoded(picture(0)))
    extra = {"data.bin": b"hello", "cat/notes.abc": b"hello", "dog/more.zip": inner.getvalue()}  # 26: zip in zip
    dataset = open_dataset(make_zip({"cat": 1}, extra=extra))
    assert len(dataset.samples) == 4
    assert [reason(dataset, i).code for i in (1, 2, 3)] == ["other_type"] * 3


def test_no_images_at_all(make_zip: MakeZip) -> None:
    assert refused(make_zip({}, extra={"cat/readme.txt": b"x"})).code == "no_images"
    assert refused(make_zip({}, name="empty.zip")).code == "no_images"


def test_names_that_climb_out_are_only_names(make_zip: MakeZip, tmp_path: Path) -> None:
    evil = {
        "../../cat/a.png": encoded(picture(1)),
        "/etc/cat/b.png": encoded(picture(2)),
        "../c.png": encoded(picture(3)),
    }
    inner = tmp_path / "inner" / "deeper"  # with two folders above it that no other test writes into
    inner.mkdir(parents=True)
    dataset = open_dataset(make_zip({}, name="inner/deeper/images.zip", extra=evil))
    assert [s.label for s in dataset.samples] == ["cat", "cat", None]
    assert np.array_equal(dataset.image(1), picture(2))
    assert set(tmp_path.rglob("*")) == {inner.parent, inner, inner / "images.zip"}


def test_a_symlink_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "links.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("cat/link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("cat/real.png", encoded(picture(1)))
    dataset = open_dataset(path)
    assert reason(dataset, 0).code == "symlink" and np.array_equal(dataset.image(1), picture(1))


def central_entry(data: bytearray, name: bytes) -> int:
    """The position of a member's entry in the central directory."""
    return data.rindex(name) - 46


def test_an_encrypted_member_is_refused_and_the_others_are_read(make_zip: MakeZip) -> None:
    path = make_zip({"cat": 1, "dog": 1})
    data = bytearray(path.read_bytes())
    data[central_entry(data, b"cat/0.png") + 8] |= 1
    data[data.index(b"cat/0.png") - 30 + 6] |= 1
    path.write_bytes(data)
    dataset = open_dataset(path)
    assert reason(dataset, 0).code == "encrypted" and np.array_equal(dataset.image(1), picture(1))


def test_an_unknown_compression_method_concerns_its_member_only(make_zip: MakeZip) -> None:
    path = make_zip({"cat": 1, "dog": 1})
    data = bytearray(path.read_bytes())
    data[central_entry(data, b"cat/0.png") + 10] = 97
    path.write_bytes(data)
    dataset = open_dataset(path)
    assert (
        "compressed with WavPack (method 97" in reason(dataset, 0).message and reason(dataset, 0).code == "zip_method"
    )
    assert np.array_equal(dataset.image(1), picture(1))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_within_a_member_is_a_reason_whatever_the_method(tmp_path: Path, method: int) -> None:
    rng = np.random.default_rng(3)
    clean = tmp_path / "clean.zip"
    with zipfile.ZipFile(clean, "w", method) as archive:
        for i in range(20):
            archive.writestr(f"cat/{i}.bmp", encoded(picture(i), "BMP"))
    data = bytearray(clean.read_bytes())
    with zipfile.ZipFile(clean) as archive:
        for member in archive.infolist():
            place = member.header_offset + 30 + len(member.filename) + int(rng.integers(4, member.compress_size))
            data[place] ^= int(rng.integers(1, 256))
    (tmp_path / "damaged.zip").write_bytes(data)
    dataset = open_dataset(tmp_path / "damaged.zip")
    assert {reason(dataset, i).code for i in range(20)} == {"zip_member"}


def test_23_equal_names_are_different_images(tmp_path: Path) -> None:
    path = tmp_path / "equal.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("cat/a.png", encoded(picture(1)))
        archive.writestr("cat/a.png", encoded(picture(2)))
        archive.writestr("Cat/A.png", encoded(picture(3)))
    dataset = open_dataset(path)
    assert names(dataset) == ["cat/a.png", "cat/a.png", "Cat/A.png"]
    for i in range(3):
        assert np.array_equal(dataset.image(i), picture(i + 1))
    assert dataset.notes[0].startswith(
        "1 name occurs more than once in equal.zip: cat/a.png. All these files are used."
    )


@pytest.mark.parametrize("comment", [b"", b"my pictures"])
def test_two_zips_in_one_file_are_refused(make_zip: MakeZip, comment: bytes) -> None:
    first, second = make_zip({"cat": 2}, "a.zip"), make_zip({"dog": 3}, "b.zip")
    with zipfile.ZipFile(first, "a") as archive:
        archive.comment = comment
    both = first.with_name("both.zip")
    both.write_bytes(first.read_bytes() + second.read_bytes())
    assert "two ZIP files" in refused(both).message
    both.write_bytes(b"MZ" + bytes(900) + second.read_bytes())  # a program that unpacks itself
    assert len(open_dataset(both).samples) == 3


def test_a_part_of_a_zip_has_a_way_out_that_works(tmp_path: Path) -> None:
    if not shutil.which("zip"):
        pytest.skip("needs zip")
    noise = np.random.default_rng(0).integers(0, 256, (8, 100, 100, 3), np.uint8)
    (tmp_path / "cat").mkdir()
    for i, pixels in enumerate(noise):
        (tmp_path / "cat" / f"{i}.png").write_bytes(encoded(pixels))
    subprocess.run(["zip", "-q", "-r", "-s", "64k", "my photos.zip", "cat"], cwd=tmp_path, check=True)
    for part in ("my photos.zip", "my photos.z01"):
        error = refused(tmp_path / part)
        assert "one part of a ZIP" in error.message
    subprocess.run(error.fix.split("`")[1], shell=True, cwd=tmp_path, check=True)
    assert len(open_dataset(tmp_path / "whole.zip").samples) == 8


def test_a_zip_whose_beginning_is_missing_says_so(make_zip: MakeZip) -> None:
    path = make_zip({"cat": 5})
    path.write_bytes(path.read_bytes()[300:])
    assert "its beginning is missing" in refused(path).message


def overlap_bomb(members: int = 2000, kernel_bytes: int = 250_000) -> bytes:
    """Every entry of the directory points to the same compressed kernel (the idea of D. Fifield's zip bombs)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = compressor.compress(bytes(kernel_bytes)) + compressor.flush()
    fields = (0, 8, 0, 0, zlib.crc32(bytes(kernel_bytes)), len(kernel), kernel_bytes, 9, 0)
    local = (
        struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, *fields[:1], *fields[1:2], 0, 0, *fields[4:])
        + b"cat/0.png"
        + kernel
    )
    central = b"".join(
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, *fields[4:8], 0, 0, 0, 0, 0, 0) + b"cat/0.png"
        for _ in range(members)
    )
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, members, members, len(central), len(local), 0)
    return local + central + end


def test_an_overlap_bomb_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    path.write_bytes(overlap_bomb())
    with zipfile.ZipFile(path) as archive:
        assert sum(m.file_size for m in archive.infolist()) == 500_000_000 and path.stat().st_size < 200_000
    start, before = time.process_time(), psutil.Process().memory_info().rss
    assert refused(path).code == "zip_overlap"
    assert time.process_time() - start < 2 and psutil.Process().memory_info().rss - before < 50 * 2**20


def test_one_entry_of_the_bomb_alone_is_no_overlap(tmp_path: Path) -> None:
    path = tmp_path / "single.zip"
    path.write_bytes(overlap_bomb(members=1))
    assert len(open_dataset(path).samples) == 1


def test_a_member_that_unpacks_to_gigabytes_is_stopped_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("cat/a.png", "w") as member:
        for _ in range(300):
            member.write(bytes(2**20))
    dataset = open_dataset(path)
    before = psutil.Process().memory_info().rss
    assert reason(dataset, 0).code == "too_large"
    assert psutil.Process().memory_info().rss - before < 200 * 2**20


def test_very_many_members_open_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    data = encoded(picture(0, 2, 2))
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(20_000):
            archive.writestr(f"cat/{i}.png", data)
    start = time.process_time()
    dataset = open_dataset(path)
    assert len(dataset.samples) == 20_000 and time.process_time() - start < 3
    assert dataset.image(19_999).shape == (2, 2, 3)


def test_a_wrong_checksum_concerns_its_member_only(tmp_path: Path) -> None:
    path = tmp_path / "crc.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(3):
            archive.writestr(f"cat/{i}.bmp", encoded(picture(i), "BMP"))
    data = bytearray(path.read_bytes())
    data[data.index(b"cat/1.bmp") + 600] ^= 0xFF  # a pixel of the second image
    path.write_bytes(data)
    dataset = open_dataset(path)
    assert "CRC" in reason(dataset, 1).message
    assert np.array_equal(dataset.image(0), picture(0)) and np.array_equal(dataset.image(2), picture(2))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_zip_that_was_cut_off_says_so(make_zip: MakeZip, share: float) -> None:
    path = make_zip({"cat": 5})
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    error = refused(path)
    assert error.code == "zip_truncated" and "not a complete ZIP" in error.message and "again" in error.fix


def test_damage_anywhere_in_a_zip_gives_dataset_errors_and_image_errors_only(make_zip: MakeZip) -> None:
    rng = np.random.default_rng(5)
    path = make_zip({"cat": 3, "dog": 3})
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    outcomes: set[str] = set()
    for i in range(300):
        damaged = bytearray(data)
        for place in rng.integers(directory if i % 2 else 0, len(data), 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged)
        outcomes |= outcomes_of_dataset(path)
    assert {"image", "reason", "zip_damaged"} <= outcomes


def test_zip64(tmp_path: Path) -> None:
    path = tmp_path / "zip64.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("cat/a.png", "w", force_zip64=True) as member:
        member.write(encoded(picture(1)))
    assert np.array_equal(open_dataset(path).image(0), picture(1))


def test_strange_names_are_kept(make_zip: MakeZip) -> None:
    strange = [
        "cat/\u202egnp.exe.png",
        f"cat/{'x' * 300}.png",
        "cat/<img onerror=alert(1)>.png",
        "cat/ü 猫.png",
        "cat/a\nb.png",
    ]
    dataset = open_dataset(make_zip({}, extra={n: encoded(picture(i)) for i, n in enumerate(strange)}))
    assert names(dataset) == strange and {s.label for s in dataset.samples} == {"cat"}
    for i in range(len(strange)):
        assert np.array_equal(dataset.image(i), picture(i))


def test_a_nul_in_a_name_ends_it(make_zip: MakeZip) -> None:
    path = make_zip({}, extra={"cat/a_b.png": encoded(picture(1)), "cat/c.png": encoded(picture(2))})
    path.write_bytes(path.read_bytes().replace(b"a_b.png", b"a\0b.png"))
    dataset = open_dataset(path)
    assert "\0" not in "".join(names(dataset)) and len(dataset.samples) == 2
    assert np.array_equal(dataset.image(1), picture(2))


@pytest.mark.parametrize("name", ["my photos.zip", "photos.tar", "photos.rar", "x.parquet"])
@pytest.mark.parametrize(
    "data, says, fix",
    [
        (b"Rar!\x1a\7\1\0", "is a RAR archive", "7z x"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "is a 7-Zip archive", "7z x"),
        (b"<!DOCTYPE html><html><title>Sign in</title>", "a web page (HTML)", "Download it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS", "git lfs pull"),
        (b'{"error": "no access"}', "JSON or XML", "Download it again"),
        (bytes(5000), "zeros only", "again"),
    ],
)
def test_what_lies_in_the_place_of_a_dataset_is_told(
    tmp_path: Path, name: str, data: bytes, says: str, fix: str
) -> None:
    (tmp_path / name).write_bytes(data)
    error = refused(tmp_path / name)
    assert says in error.message and fix in error.fix and error.code == "unknown_format"


def test_parts_of_a_file_have_a_way_out_that_works(make_zip: MakeZip) -> None:
    path = make_zip({"cat": 2}, "my photos.zip")
    data = path.read_bytes()
    path.unlink()
    for i in range(3):
        (path.parent / f"my photos.zip.00{i + 1}").write_bytes(data[i * 100 :][: 100 if i < 2 else None])
    error = refused(path.parent / "my photos.zip.001")
    subprocess.run(error.fix.split("`")[1], shell=True, cwd=path.parent, check=True)
    assert len(open_dataset(path).samples) == 2


def test_what_is_neither_zip_nor_folder(tmp_path: Path) -> None:
    (tmp_path / "data.rar").write_bytes(b"Rar!" * 20)
    assert refused(tmp_path / "data.rar").code == "unknown_format"
    for data, called in (
        (b"Rar!", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"\x1f\x8b", "compressed with gzip"),
    ):
        (tmp_path / "renamed.zip").write_bytes(data + bytes(90))
        error = refused(tmp_path / "renamed.zip")
        assert called in error.message and error.fix.startswith("Unpack it, with `7z x renamed.zip ")
    with pytest.raises(DatasetError, match="does not exist"):
        open_dataset(tmp_path / "missing.zip")
    (tmp_path / "archive.tar.gz").write_bytes(b"\x1f\x8b" + bytes(40))
    refused(tmp_path / "archive.tar.gz")


def test_the_fingerprint_follows_the_content(make_zip: MakeZip) -> None:
    one, same, other = make_zip({"cat": 1}), make_zip({"cat": 1}, name="copy.zip"), make_zip({"cat": 2}, name="two.zip")
    shutil.copy(one, same)
    assert open_dataset(one).fingerprint == open_dataset(same).fingerprint != open_dataset(other).fingerprint


def test_a_replaced_zip_is_opened_anew(make_zip: MakeZip) -> None:
    assert len(open_dataset(make_zip({"cat": 1})).samples) == 1
    assert len(open_dataset(make_zip({"cat": 3})).samples) == 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    for i, name in enumerate(["cat/0.png", "cat/deeper/kitten/1.png", "dog/2.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(picture(i)))
    return root


def test_a_folder_of_class_folders(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert [(s.name, s.label) for s in dataset.samples] == [
        ("cat/0.png", "cat"), ("cat/deeper/kitten/1.png", "kitten"), ("dog/2.png", "dog"),
    ]  # fmt: skip
    assert all(np.array_equal(dataset.image(i), picture(i)) for i in range(3))


def test_links_in_a_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.png").write_bytes(encoded(picture(9)))
    (folder / "cat" / "link.png").symlink_to(elsewhere / "secret.png")
    (folder / "linked").symlink_to(elsewhere, target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert names(open_dataset(folder)) == ["cat/0.png", "cat/deeper/kitten/1.png", "dog/2.png"]


def test_a_file_added_deep_in_a_folder_is_seen(folder: Path) -> None:
    before = open_dataset(folder)
    (folder / "cat" / "deeper" / "kitten" / "0.png").write_bytes(encoded(picture(7)))
    after = open_dataset(folder)
    assert len(after.samples) == len(before.samples) + 1
    assert after.fingerprint != before.fingerprint


def test_names_that_are_no_utf8_can_be_shown_and_read(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/cat/\xff.png")).write_bytes(encoded(picture(8)))
    dataset = open_dataset(folder)
    [sample] = [s for s in dataset.samples if "\ufffd" in s.name]
    sample.name.encode("utf-8")
    assert np.array_equal(dataset.image(sample.index), picture(8))
    assert len(dataset.fingerprint) == 64


def test_a_file_that_has_gone_is_a_reason(folder: Path) -> None:
    dataset = open_dataset(folder)
    (folder / "cat" / "0.png").unlink()
    assert reason(dataset, 0).code == "unreadable"
