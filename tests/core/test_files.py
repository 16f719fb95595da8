from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dashboard.core.files import (
    NotAFileError,
    how_to_write_again,
    how_to_write_there,
    locked,
    portable_name,
    read_whole,
    sha256_of,
    write_atomically,
    write_json,
)

ROOT = Path(__file__).parents[2]


def test_sha256_of_a_file_larger_than_a_block(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "f").write_bytes(data)
    assert sha256_of(tmp_path / "f") == hashlib.sha256(data).hexdigest()


def test_writes_into_new_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "f.bin"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and [p.name for p in path.parent.iterdir()] == ["f.bin"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.mkdir()  # os.replace cannot put a file in its place
    with pytest.raises(OSError):
        write_atomically(path, b"new")
    assert path.is_dir() and [p.name for p in tmp_path.iterdir()] == ["f"]


def test_json_is_readable(tmp_path: Path) -> None:
    write_json(tmp_path / "r.json", {"name": "Käfer", "values": [1, 2]})
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert "Käfer" in text and text.endswith("}\n") and json.loads(text) == {"name": "Käfer", "values": [1, 2]}


def test_a_reader_never_sees_a_part_even_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    size = 2**20
    program = (
        "import itertools, sys\nfrom pathlib import Path\nfrom dashboard.core.files import write_atomically\n"
        f"for i in itertools.count(): write_atomically(Path({str(path)!r}), bytes([i % 256]) * {size})\n"
    )
    write_atomically(path, bytes(size))
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) as writer:
        seen = set()
        end = time.monotonic() + 20
        while len(seen) < 5 and time.monotonic() < end:
            data = path.read_bytes()
            assert len(data) == size and len(set(data)) == 1
            seen.add(data[0])
        writer.send_signal(signal.SIGKILL)
    assert len(seen) == 5
    data = path.read_bytes()
    assert len(data) == size and len(set(data)) == 1


@pytest.mark.parametrize(
    "name, portable",
    [
        ("a.png", "a.png"), ("con", "_con"), ("AUX.txt", "_AUX.txt"), ("com1.tar.gz", "_com1.tar.gz"), ("nul .png", "_nul .png"),
        ("console", "console"), ("a:b?.png", "a_b_.png"), ("ends. . ", "ends"), ("..", ""), ("\u732b\x00", "\u732b_"),
    ],
)  # fmt: skip
def test_names_that_windows_allows_too(name: str, portable: str) -> None:
    assert portable_name(name) == portable


@pytest.mark.parametrize(
    "code, fix",
    [
        (errno.ENOSPC, "Free some space"), (errno.EDQUOT, "Free some space"), (errno.EFBIG, "ulimit"),
        (errno.EROFS, "read-only"), (errno.EACCES, "permission"), (errno.EPERM, "permission"),
        (errno.ELOOP, "Remove"), (errno.EIO, "Check the path and the disk"),
    ],
)  # fmt: skip
def test_the_way_out_of_a_failed_write_fits_its_reason(code: int, fix: str) -> None:
    assert fix in how_to_write_again(OSError(code, "x"))
    there = how_to_write_there(OSError(code, "x"), "file")
    assert fix in there and there.endswith(", or name another file.") and "empty-bin" not in there


def test_a_small_file_is_read_whole_and_a_large_one_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"text")
    assert read_whole(tmp_path / "small") == b"text"
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)  # takes no space
    with pytest.raises(OSError, match="Larger than 16 MB"):
        read_whole(tmp_path / "large")
    with pytest.raises(NotAFileError, match="A folder, not a file") as caught:
        read_whole(tmp_path)
    assert how_to_write_again(caught.value) == f"Remove {tmp_path}, which should be a file"
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "none")


def test_a_file_that_is_written_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotAFileError, match="A folder, not a file") as caught:
        write_atomically(tmp_path / "folder", b"")
    assert how_to_write_again(caught.value) == f"Remove {tmp_path / 'folder'}, which should be a file"
    assert how_to_write_there(caught.value, "file") == "Name another file."  # the folder is the user's own
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_may_never_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros"):
        with pytest.raises(OSError, match="Not a regular file"):
            read_whole(tmp_path / name)
        with pytest.raises(OSError, match="Not a regular file"), locked(tmp_path / name):
            pass
