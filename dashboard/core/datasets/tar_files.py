"""Reads files from a tar, plain or compressed with gzip, without unpacking it. An index tells where each file begins."""

from __future__ import annotations

import tarfile
import threading
import weakref
from array import array
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any, cast

from dashboard.core.datasets.image_files import is_junk, joint_fingerprint
from dashboard.core.datasets.repeated_names import note_on_repeated
from dashboard.core.datasets.sample_list import PackedNames
from dashboard.core.datasets.seekable_gzip import MAGIC as GZIP
from dashboard.core.datasets.seekable_gzip import MOST_RATIO, Expands, SeekableGzip
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.files import sha256_of
from dashboard.core.parsing import parsing, reason
from dashboard.core.shell import in_command

_OTHER_COMPRESSION = {
    b"BZh": ("bzip2", "bunzip2 -k"),
    b"\xfd7zXZ\0": ("xz", "xz -dk"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", "zstd -d"),
}
_BLOCK_BYTES = 2**20
_MOST_HEADER_BYTES = 2**20  # names and attributes of one file
_FIRST_NAMES = 4  # that tell what an archive holds
_END = bytes(tarfile.BLOCKSIZE)
_AGAIN = "Upload or copy it again."


class TarFiles:
    """See `FileSource`."""

    def __init__(self, path: Path) -> None:
        """Raises DatasetError when the archive is damaged, cut off, or expands without measure."""
        self._path = path
        self._file = _opened(path)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._starts, self._sizes = array("q"), array("q")
        self._faults: dict[int, ImageError] = {}
        links: dict[int, str] = {}
        notes: list[str] = []
        self.names = PackedNames(self._index(links, notes))
        self._follow(links)
        self._read_as = tuple(notes)
        self.notes = (*notes, *note_on_repeated(self._path.name, self.names))

    def _index(self, links: dict[int, str], notes: list[str]) -> Iterator[str]:
        """The names of the files. Notes for each where it is, why it cannot be read, or in `links` what it links to."""
        for member in _members(self._file, self._path.name, notes):
            if member.isdir() or is_junk(member.name):
                continue
            position = len(self._starts)
            if member.islnk():
                links[position] = _text(member.linkname)
            elif fault := _fault(member):
                self._faults[position] = fault
            self._starts.append(member.offset_data)
            self._sizes.append(member.size)
            yield _text(member.name)

    def _follow(self, links: dict[int, str]) -> None:
        """Gives hard links, which tar writes for files with several names, the place of the file that they name."""
        wanted = set(links.values())
        places = {name: i for i, name in enumerate(self.names) if name in wanted and i not in links} if wanted else {}
        for position, name in links.items():
            if (target := places.get(name)) is not None and target not in self._faults:
                self._starts[position], self._sizes[position] = self._starts[target], self._sizes[target]
            else:
                self._faults[position] = ImageError(
                    "The file is a link to a file that is not in the archive.",
                    "Put the image itself into it.",
                    "symlink",
                )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file, and of how several archives in it are read."""
        digest = sha256_of(self._path)
        return joint_fingerprint(digest, *self._read_as) if self._read_as else digest

    def read(self, position: int, limit: int) -> bytes:
        """See `FileSource`."""
        if position in self._faults:
            raise self._faults[position]
        size = min(self._sizes[position], limit)
        with parsing(_damaged_member), self._lock:
            self._file.seek(self._starts[position])
            data = self._file.read(size)
            if len(data) < size:
                raise EOFError("the archive ends too early")
        return data


def _damaged_member(error: Exception) -> ImageError:
    return ImageError(f"The file cannot be read from the archive ({reason(error)}).", _AGAIN, "tar_member")


def first_names(path: Path, first_bytes: bytes) -> tuple[str, ...] | None:
    """The names of the first few files, or of fewer if the archive is damaged; None if the file is no tar, or holds zeros.

    Raises:
        DatasetError: the archive is compressed in a way that cannot be read piece by piece.
    """
    _refuse_other_compression(path, first_bytes)
    names: list[str] = []
    file = _opened(path)
    try:
        with tarfile.open(fileobj=cast(Any, _Headers(file)), mode="r:") as tar:
            while len(names) < _FIRST_NAMES and (member := tar.next()):
                names.append(member.name)
    except Exception:  # opening the archive tells what is wrong
        pass
    finally:
        file.close()
    return tuple(names) or None


def incomplete_tar(name: str) -> DatasetError:
    """The error for a file that is named like a tar, but does not begin like one."""
    return DatasetError(
        f"{name} is damaged or cut off: it does not begin like a tar or a tar compressed with gzip.",
        f"{_AGAIN} If it is CIFAR-10, delete it and run `python -m dashboard data get-cifar10`.", "tar_truncated",
    )  # fmt: skip


class _Headers:
    """A file of which only headers are read. A header that says that it is huge is refused before it is read."""

    def __init__(self, file: IO[bytes] | SeekableGzip) -> None:
        self.tell, self.seek, self._read = file.tell, file.seek, file.read

    def read(self, size: int) -> bytes:
        if size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header says that it has {size:,} bytes")
        return self._read(size)


def _opened(path: Path) -> IO[bytes] | SeekableGzip:
    file = path.open("rb")
    compressed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    return SeekableGzip(file) if compressed else file


def _members(file: IO[bytes] | SeekableGzip, name: str, notes: list[str]) -> Iterator[tarfile.TarInfo]:
    """All entries, read front to back, also of archives that follow the first one. Adds what the user has to know.

    Raises DatasetError, at the end also if the archive is cut off there.
    """
    with parsing(partial(_damaged, name)):
        archives = 0
        start: int | None = 0
        while start is not None:
            file.seek(start)
            with tarfile.open(fileobj=cast(Any, _Headers(file)), mode="r:") as tar:
                while member := tar.next():
                    tar.members.clear()  # type: ignore[attr-defined]  # else they are all kept, at a kilobyte each
                    if tar.offset <= member.offset:  # a negative size: some versions of tarfile go round in circles
                        raise tarfile.ReadError(f"the size of {member.name[:80]} is negative")
                    yield member
                file.seek(tar.offset)
                end = file.read(tarfile.BLOCKSIZE)
            if len(end) == tarfile.BLOCKSIZE and end != _END:
                raise tarfile.ReadError(f"no header where one is due, at byte {tar.offset:,}")
            if end != _END:
                raise EOFError("its end is missing")
            archives += 1
            start = _next_archive(file, name, notes)
        if archives > 1:
            notes.append(f"{name} holds {archives:,} archives, one after the other. All are read.")


def _next_archive(file: IO[bytes] | SeekableGzip, name: str, notes: list[str]) -> int | None:
    """Where another archive begins behind the end of one; None if none does, and then the file is read to its end."""
    position, zeros = file.tell(), bytes(_BLOCK_BYTES)
    while block := file.read(_BLOCK_BYTES):
        if block != zeros[: len(block)]:
            at = (len(block) - len(block.lstrip(b"\0"))) // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
            if _is_header(block[at : at + tarfile.BLOCKSIZE]):
                return position + at
            notes.append(f"Behind its end, {name} holds something that is not an archive. It is not read.")
            break
        position += len(block)
    while file.read(_BLOCK_BYTES):  # gzip's checksum is at the end
        pass
    return None


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except Exception:  # HeaderError, and whatever else damage leads to
        return False
    return True


def _damaged(name: str, error: Exception) -> DatasetError:
    if isinstance(error, Expands):
        return DatasetError(
            f"{name} expands to more than {MOST_RATIO} times its size, like archives that are made to exhaust memory.",
            "Make it again from the images.", "tar_expands",
        )  # fmt: skip
    if isinstance(error, EOFError) or "unexpected end of data" in str(error):
        return DatasetError(f"{name} is not a complete tar archive: its end is missing.", _AGAIN, "tar_truncated")
    return DatasetError(f"{name} is damaged: {reason(error)}.", _AGAIN, "tar_damaged")


def _text(name: str) -> str:
    """A name as text. Bytes that are not UTF-8 are written as numbers, so that different names stay different."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").removeprefix("./")


def _fault(member: tarfile.TarInfo) -> ImageError | None:
    if member.issym():
        return ImageError("The file is a symbolic link.", "Put the image itself into the archive.", "symlink")
    if member.issparse():
        return ImageError(
            "The file is stored with holes (sparse).", "Make the archive without `--sparse`.", "tar_member"
        )
    if not member.isreg():
        return ImageError("The entry is a device or a pipe, not a file.", "Take it out of the archive.", "tar_member")
    return None


def _refuse_other_compression(path: Path, first_bytes: bytes) -> None:
    found = next((each for begin, each in _OTHER_COMPRESSION.items() if first_bytes.startswith(begin)), None)
    if found:
        raise DatasetError(
            f"{path.name} is compressed with {found[0]}, which cannot be read piece by piece.",
            f"Run `{found[1]} {in_command(path.name)}`, or unpack it in the 7-Zip program, and give the file that this makes.",
            "tar_compressed",
        )  # fmt: skip
