"""Images in a tar, plain or compressed."""

from __future__ import annotations

import gzip
import io
import pickle
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.cifar10_images import Cifar10Images
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.image_files import ImageFiles
from dashboard.core.errors import DatasetError, ImageError
from tests.conftest import encoded, picture
from tests.core.damage import outcomes_of_dataset
from tests.core.datasets.test_cifar10_archive import archive as cifar10_archive
from tests.core.datasets.test_cifar10_archive import batch

Write = Callable[[tarfile.TarFile], object]
NAMES = ("photos/cat/0.png", "photos/cat/1.png", "photos/dog/2.png")
PICTURES = {name: encoded(picture(i)) for i, name in enumerate(NAMES)}
KINDS = pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz"])


def entry(name: str, **attributes: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(member, key, value)
    return member


def tar(path: Path, files: Mapping[str, bytes], *others: tarfile.TarInfo, **options: object) -> Path:
    """A tar of files, then of entries without content; compressed if the name says so."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w", **options) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            archive.addfile(entry(name, size=len(data)), io.BytesIO(data))
        for member in others:
            archive.addfile(member)
    return path


def refused(path: Path) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    assert path.name in caught.value.message and caught.value.fix
    return caught.value


def reason(dataset: Dataset, index: int) -> ImageError:
    with pytest.raises(ImageError) as caught:
        dataset.image(index)
    return caught.value


@KINDS
def test_class_folders_and_pixels(tmp_path: Path, name: str) -> None:
    dataset = open_dataset(tar(tmp_path / name, PICTURES))
    assert [(s.name, s.label) for s in dataset.samples] == list(zip(NAMES, ["cat", "cat", "dog"], strict=True))
    for i in (2, 0, 1, 1):
        assert np.array_equal(dataset.image(i), picture(i))
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


@KINDS
def test_what_the_system_s_tar_writes_is_read(tmp_path: Path, name: str) -> None:
    long = f"photos/{'x' * 200}/katze-ü-猫.png"
    for file, data in {**PICTURES, long: encoded(picture(3)), "photos/.DS_Store": b"x"}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(data)
    for format in ("pax", "ustar"):
        if format == "ustar":
            shutil.rmtree((tmp_path / long).parent)  # its name is too long for it
        options = ["-z"] if name.endswith("gz") else []
        subprocess.run(["tar", "-c", *options, f"--format={format}", "-f", name, "./photos"], cwd=tmp_path, check=True)
        dataset = open_dataset(tmp_path / name)
        found = {sample.name: sample for sample in dataset.samples}
        assert set(found) == {*NAMES} | ({long} if format != "ustar" else set())
        for i, file in enumerate([*NAMES, long][: len(found)]):
            assert np.array_equal(dataset.image(found[file].index), picture(i))


def test_a_labels_file_in_the_archive_and_one_elsewhere(tmp_path: Path) -> None:
    files = {
        "set/a.png": encoded(picture(0)),
        "set/labels.csv": b"file,label\na,cat\n",
        "set/b.png": encoded(picture(1)),
    }
    path = tar(tmp_path / "a.tar.gz", files)
    dataset = open_dataset(path)
    assert [(s.name, s.label) for s in dataset.samples] == [("set/a.png", "cat"), ("set/b.png", None)]
    assert np.array_equal(dataset.image(1), picture(1))
    (tmp_path / "truth.csv").write_text("file,label\na.png,dog\nb.png,dog\n")
    other = open_dataset(describe(path, Choices(labels=str(tmp_path / "truth.csv")), tmp_path))
    assert [s.label for s in other.samples] == ["dog", "dog"]


def test_the_content_says_what_it_is_whatever_the_name(tmp_path: Path) -> None:
    plain = tar(tmp_path / "a.tar", PICTURES)
    packed = tar(tmp_path / "a.tar.gz", PICTURES)
    for source, name in ((plain, "b.tar.gz"), (packed, "b.tar"), (packed, "photos"), (plain, "photos.zip")):
        assert len(open_dataset(shutil.copy(source, tmp_path / name)).samples) == 3


def test_the_cifar10_archive_stays_what_it_is(tmp_path: Path) -> None:
    packed = cifar10_archive(tmp_path / "cifar-10-python.tar.gz", {"test_batch": pickle.dumps(batch(), 2)})
    (tmp_path / "unpacked.tar").write_bytes(gzip.decompress(packed.read_bytes()))
    for path in (packed, shutil.copy(packed, tmp_path / "renamed.tgz"), tmp_path / "unpacked.tar"):
        dataset = open_dataset(path)
        assert isinstance(dataset, Cifar10Images) and len(dataset.samples) == 20
    assert isinstance(open_dataset(tar(tmp_path / "a.tar.gz", PICTURES)), ImageFiles)


def test_names_that_are_not_utf_8_stay_different(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", encoding="gbk", format=tarfile.GNU_FORMAT) as archive:
        for i, name in enumerate(("鸟/a.png", "狗/a.png")):
            archive.addfile(entry(name, size=len(encoded(picture(i)))), io.BytesIO(encoded(picture(i))))
    dataset = open_dataset(path)
    assert [s.label for s in dataset.samples] == ["\\xc4\\xf1", "\\xb9\\xb7"]
    assert np.array_equal(dataset.image(1), picture(1))


def test_several_threads_read_at_once(tmp_path: Path) -> None:
    dataset = open_dataset(tar(tmp_path / "a.tar.gz", {f"cat/{i}.png": encoded(picture(i)) for i in range(40)}))
    wrong: list[int] = []

    def read(seed: int) -> None:
        order = np.random.default_rng(seed).permutation(40).tolist()
        wrong.extend(i for i in order if not np.array_equal(dataset.image(i), picture(i)))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_names_that_climb_out_are_only_names(tmp_path: Path) -> None:
    evil = {
        "../../cat/a.png": encoded(picture(1)),
        "/etc/cat/b.png": encoded(picture(2)),
        "../c.png": encoded(picture(3)),
    }
    inner = tmp_path / "inner" / "deeper"  # with two folders above it that no other test writes into
    inner.mkdir(parents=True)
    dataset = open_dataset(tar(inner / "a.tar", evil))
    assert [s.label for s in dataset.samples] == ["cat", "cat", None] and np.array_equal(dataset.image(1), picture(2))
    assert set(tmp_path.rglob("*")) == {inner.parent, inner, inner / "a.tar"}


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_links_devices_and_holes_are_not_followed(tmp_path: Path, name: str) -> None:
    others = (
        entry("cat/link.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("cat/same.png", type=tarfile.LNKTYPE, linkname="photos/dog/2.png"),
        entry("cat/gone.png", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        entry("cat/device.png", type=tarfile.CHRTYPE),
        entry("cat/pipe.png", type=tarfile.FIFOTYPE),
        entry("photos/dog", type=tarfile.DIRTYPE),
    )
    dataset = open_dataset(tar(tmp_path / name, PICTURES, *others))
    assert [s.name for s in dataset.samples] == [*NAMES, *(other.name for other in others[:-1])]
    assert [reason(dataset, i).code for i in (3, 5, 6, 7)] == ["symlink", "symlink", "tar_member", "tar_member"]
    assert np.array_equal(dataset.image(4), picture(2))  # a second name in the archive itself


def test_a_file_with_holes_is_told(tmp_path: Path) -> None:
    if b"GNU" not in subprocess.run(["tar", "--version"], capture_output=True, check=True).stdout:
        pytest.skip("needs GNU tar")
    folder = tmp_path / "cat"
    folder.mkdir()
    with (folder / "holes.bmp").open("wb") as file:
        file.truncate(2**20)
        file.seek(0, 2)
        file.write(b"x" * 4096)
    (folder / "a.png").write_bytes(encoded(picture(0)))
    subprocess.run(["tar", "-c", "--sparse", "-f", "a.tar", "cat/a.png", "cat/holes.bmp"], cwd=tmp_path, check=True)
    dataset = open_dataset(tmp_path / "a.tar")
    assert "holes" in reason(dataset, 1).message and np.array_equal(dataset.image(0), picture(0))


@KINDS
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_an_archive_that_was_cut_off_says_so(tmp_path: Path, name: str, share: float) -> None:
    path = tar(tmp_path / name, {f"cat/{i}.bmp": encoded(picture(i), "BMP") for i in range(9)})
    data = path.read_bytes()
    content = len(gzip.decompress(data)) if name.endswith("gz") else 9 * (512 + 3584)  # without the zeros at the end
    path.write_bytes(data[: int(share * min(len(data), content))])
    error = refused(path)
    assert error.code == "tar_truncated" and "again" in error.fix


def test_an_archive_that_was_cut_off_between_two_files_says_so(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {f"cat/{i}.bmp": encoded(picture(i), "BMP") for i in range(9)})
    path.write_bytes(path.read_bytes()[: 5 * (512 + 3584)])
    assert refused(path).code == "tar_truncated"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_archives_behind_one_another_are_all_read(tmp_path: Path, name: str) -> None:
    parts = [tar(tmp_path / f"{i}{name}", {file: data}) for i, (file, data) in enumerate(PICTURES.items())]
    path = tmp_path / name
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    dataset = open_dataset(path)
    assert tuple(sample.name for sample in dataset.samples) == NAMES
    assert [np.array_equal(dataset.image(i), picture(i)) for i in range(3)] == [True] * 3
    assert dataset.notes[0] == f"{name} holds 3 archives, one after the other. All are read."
    path.write_bytes(b"".join(part.read_bytes() for part in parts)[: -9500 if name == "a.tar" else -20])
    assert refused(path).code == "tar_truncated"


def test_what_is_no_archive_behind_one_is_said(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", PICTURES)
    path.write_bytes(path.read_bytes() + b"signed by me")
    dataset = open_dataset(path)
    assert len(dataset.samples) == 3 and "something that is not an archive" in dataset.notes[0]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_all_files_with_the_same_name_are_used_and_said(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w") as archive:
        for file, data in [*PICTURES.items(), (NAMES[0], encoded(picture(7)))]:
            archive.addfile(entry(file, size=len(data)), io.BytesIO(data))
    dataset = open_dataset(tmp_path / name)
    assert [s.name for s in dataset.samples] == [*NAMES, NAMES[0]]
    assert np.array_equal(dataset.image(len(NAMES)), picture(7))
    assert dataset.notes[0].startswith(f"1 name occurs more than once in {name}: {NAMES[0]}. All these files are used.")


def test_damage_between_the_files_is_noticed(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", PICTURES)
    data = bytearray(path.read_bytes())
    data[data.index(b"photos/cat/1.png") + 120] ^= 0x11
    path.write_bytes(data)
    assert refused(path).code == "tar_damaged"


def test_damage_anywhere_gives_dataset_errors_and_image_errors_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    outcomes: set[str] = set()
    for name in ("a.tar", "a.tar.gz"):
        path = tar(tmp_path / name, PICTURES, format=tarfile.PAX_FORMAT)
        data = path.read_bytes()
        for _ in range(120):
            damaged = bytearray(data)
            for place in rng.integers(0, min(len(data), 8000), 3):
                damaged[place] = rng.integers(0, 256)
            path.write_bytes(damaged)
            outcomes |= outcomes_of_dataset(path)
    assert {"image", "reason", "tar_damaged"} <= outcomes


def with_checksum(header: bytes) -> bytes:
    cleared = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(cleared) + header[156:]


def test_a_negative_size_does_not_lead_round_in_circles(tmp_path: Path) -> None:
    header = entry("cat/b.png", size=10).tobuf()
    negative = with_checksum(header[:124] + b"\xff" * 10 + b"\xfe\x00" + header[136:])  # -512 in base 256
    first = entry("cat/a.png", size=9).tobuf() + b"x" * 512
    (tmp_path / "a.tar").write_bytes(first + negative + bytes(1024))
    start = time.process_time()
    assert refused(tmp_path / "a.tar").code == "tar_damaged" and time.process_time() - start < 2


def test_headers_that_take_memory_are_refused(tmp_path: Path) -> None:
    first = entry("cat/a.png", size=9).tobuf() + b"x" * 512
    with (tmp_path / "huge.tar").open("wb") as file:
        file.write(first + entry("x", type=tarfile.XHDTYPE, size=300 * 2**20).tobuf())
        file.truncate(310 * 2**20)
    before = psutil.Process().memory_info().rss
    assert "bytes" in refused(tmp_path / "huge.tar").message
    assert psutil.Process().memory_info().rss - before < 50 * 2**20
    record = b"12 path=a.b\n"
    chain = (entry("x", type=tarfile.XHDTYPE, size=len(record)).tobuf() + record.ljust(512, b"\0")) * 5000
    (tmp_path / "chain.tar").write_bytes(first + chain + bytes(1024))
    assert refused(tmp_path / "chain.tar").code == "tar_damaged"


def test_a_bomb_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(entry("cat/a.png", size=2**40 // 2**8).tobuf())
        for _ in range(400):
            file.write(bytes(2**20))
    assert path.stat().st_size < 500_000
    start, before = time.process_time(), psutil.Process().memory_info().rss
    assert refused(path).code == "tar_expands"
    assert time.process_time() - start < 5 and psutil.Process().memory_info().rss - before < 50 * 2**20


def test_very_many_files_open_in_seconds(tmp_path: Path) -> None:
    data = encoded(picture(0, 2, 2))
    path = tar(tmp_path / "many.tar.gz", {f"cat/{i}.png": data for i in range(20_000)}, compresslevel=1)
    start = time.process_time()
    dataset = open_dataset(path)
    assert len(dataset.samples) == 20_000 and time.process_time() - start < 8
    assert dataset.image(19_999).shape == (2, 2, 3)


@pytest.mark.parametrize(
    "suffix, command, says",
    [(".tar.bz2", ["bzip2", "-z"], "bunzip2 -k"), (".tar.xz", ["xz", "-z"], "xz -dk")],
)
def test_other_compression_has_a_way_out_that_works(tmp_path: Path, suffix: str, command: list[str], says: str) -> None:
    plain = tar(tmp_path / "my photos.tar", PICTURES)
    if not shutil.which(command[0]):
        pytest.skip(f"needs {command[0]}")
    subprocess.run([*command, plain], check=True)
    error = refused(tmp_path / f"my photos{suffix}")
    assert error.code == "tar_compressed" and says in error.fix
    subprocess.run(error.fix.split("`")[1], shell=True, cwd=tmp_path, check=True)
    assert len(open_dataset(plain).samples) == 3


def test_archives_in_an_archive_are_named(tmp_path: Path) -> None:
    inner = tar(tmp_path / "n01440764.tar", PICTURES).read_bytes()
    error = refused(tar(tmp_path / "outer.tar", {"n01440764.tar": inner}))
    assert error.code == "no_images" and "n01440764.tar" in error.message


def test_the_fingerprint_is_the_one_of_the_file_and_a_replaced_archive_is_opened_anew(tmp_path: Path) -> None:
    first = open_dataset(tar(tmp_path / "a.tar.gz", PICTURES))
    print_before = first.fingerprint
    second = open_dataset(tar(tmp_path / "a.tar.gz", {"cat/9.png": encoded(picture(9))}))
    assert len(second.samples) == 1 and second.fingerprint != print_before
