"""Reads files from a ZIP without unpacking it. Members are identified by position, since names may repeat."""

from __future__ import annotations

import contextlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter
from pathlib import Path, PurePosixPath

import numpy as np

from dashboard.core.datasets.file_names import is_image_name
from dashboard.core.datasets.image_files import is_junk, joint_fingerprint
from dashboard.core.datasets.repeated_names import note_on_repeated
from dashboard.core.datasets.sample_list import PackedNames
from dashboard.core.datasets.zip_names import read_names
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.files import PlacedFile, sha256_of
from dashboard.core.parsing import parsing, reason
from dashboard.core.shell import in_command

_FACTS = ("header_offset", "compress_size", "file_size", "CRC", "compress_type", "flag_bits", "external_attr")
_METHODS = {
    1: "Shrink", 6: "Implode", 9: "Deflate64", 10: "PKWARE Implode", 16: "IBM z/OS CMPSC", 18: "IBM TERSE", 19: "IBM LZ77",
    20: "Zstandard", 93: "Zstandard", 94: "MP3", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd",
}  # fmt: skip  # APPNOTE.TXT of PKWARE, section 4.4.5
_AGAIN = "Upload or copy it again."
_DEFLATE64 = 9  # the method of Windows Explorer above 2 GB
_SUPPORTED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_SUPPORTED |= {getattr(zipfile, "ZIP_ZSTANDARD", zipfile.ZIP_STORED)}  # since Python 3.14
_LARGEST = 2**63 - 1
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, bytes of the name and of the extra fields
_SIGNATURE = b"PK\3\4"
_END, _END_BYTES = b"PK\5\6", 22  # the record at the end, without the comment that follows it
_MOST_END_BYTES = _END_BYTES + 2**16
_IN_ZIP64 = 0xFFFF  # another record has the number
_NAME_BYTES = 512  # longer names with their extra fields are rare
_LOCAL_HEADER_BYTES = 30  # the fixed part of the header before each member


def open_zip(path: Path) -> zipfile.ZipFile:
    """Opens a ZIP. Raises DatasetError when it is damaged or a part of one, follows another, or its members overlap."""
    with parsing(lambda e: DatasetError(f"{path.name} is damaged: {reason(e)}.", _AGAIN, "zip_damaged")):
        if _is_last_part(path):
            raise part_of_zip(path.name)
        opened = zipfile.ZipFile(path)
    places = _facts_of(opened.infolist(), ("header_offset", "compress_size"))
    starts, sizes = places[np.argsort(places[:, 0], kind="stable")].T
    if (starts < 0).any():
        raise DatasetError(
            f"{path.name} is not a complete ZIP file: its beginning is missing.",
            f"If it is one part of several, give them joined; otherwise: {_AGAIN}", "zip_truncated",
        )  # fmt: skip
    if (starts[1:] - starts[:-1] - _LOCAL_HEADER_BYTES < sizes[:-1]).any():
        raise DatasetError(
            f"{path.name} has overlapping members, like archives that are made to exhaust memory.",
            "Make the ZIP again from the images.", "zip_overlap",
        )  # fmt: skip
    if len(starts) and _ends_at(path, int(starts[0])):
        raise DatasetError(
            f"{path.name} holds two ZIP files, one after the other, and programs find only the last one.",
            "Give each of them alone; or unpack both into one folder, and give that.", "zip_damaged",
        )  # fmt: skip
    return opened


def _is_last_part(path: Path) -> bool:
    """True if the end of the ZIP says that other files hold its beginning."""
    record = _end_record(path, path.stat().st_size)
    return 0 < int.from_bytes(record[4:6], "little") < _IN_ZIP64


def _ends_at(path: Path, position: int) -> bool:
    """True if a ZIP begins with the file and ends at a position."""
    with path.open("rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE and bool(_end_record(path, position))


def _end_record(path: Path, position: int) -> bytes:
    """The record at the end of a ZIP that ends at a position of the file; b"" if none does."""
    with path.open("rb") as file:
        file.seek(max(0, position - _MOST_END_BYTES))
        end = file.read(min(position, _MOST_END_BYTES))
    record = end[end.rfind(_END) :] if _END in end else b""
    is_whole = len(record) == _END_BYTES + int.from_bytes(record[_END_BYTES - 2 : _END_BYTES], "little")
    return record if is_whole else b""


def part_of_zip(name: str) -> DatasetError:
    """The error for one of the files of a ZIP in several parts: photos.z01, photos.z02, photos.zip."""
    whole = f"{PurePosixPath(name).stem}.zip"
    return DatasetError(
        f"{name} is one part of a ZIP in several (.z01, .z02 ... and .zip).",
        f"Put all parts into one folder, join them there with `zip -s 0 {in_command(whole)} --out whole.zip` or unpack them "
        "in the 7-Zip program, and give what this makes.", "zip_truncated",
    )  # fmt: skip


def _facts_of(members: Sequence[zipfile.ZipInfo], facts: Sequence[str]) -> np.ndarray:
    """(n, facts) int64. Numbers that are larger still, which only a damaged ZIP has, become the largest."""
    values = chain.from_iterable(map(attrgetter(*facts), members))
    try:
        return np.fromiter(values, np.int64).reshape(-1, len(facts))
    except OverflowError:
        values = chain.from_iterable(map(attrgetter(*facts), members))
        return np.fromiter((min(value, _LARGEST) for value in values), np.int64).reshape(-1, len(facts))


def incomplete_zip(name: str) -> DatasetError:
    """The error for a file that is named like a ZIP but does not end like one."""
    return DatasetError(
        f"{name} is not a complete ZIP file: its end is missing or damaged.",
        _AGAIN,
        "zip_truncated",
    )


class ZipFiles:
    """See `FileSource`."""

    def __init__(self, path: Path, encoding: str = "") -> None:
        """Raises DatasetError when the ZIP is damaged, or its names cannot be read in the encoding.

        Args:
            encoding: what the user says about the names, see `read_names`.
        """
        self._path = path
        self._zip = open_zip(path)
        # some Windows programs write backslashes
        members = [
            m
            for m in self._zip.infolist()
            if m.filename[-1:] not in ("/", "\\") and not is_junk(m.filename.replace("\\", "/"))
        ]
        read = read_names(path.name, members, encoding)
        _refuse_if_no_image_can_be_read(path.name, members)
        self.names = PackedNames(name.partition("\0")[0].replace("\\", "/") for name in read.names)
        self.question = read.question
        self.notes = (*([read.note] if read.question else []), *note_on_repeated(path.name, self.names))
        self._encoding = read.encoding
        self._stored_names = PackedNames(m.orig_filename for m in members)
        self._facts = _facts_of(members, _FACTS)
        self._file = PlacedFile(path)
        self._zip.filelist.clear()  # saves half a kilobyte per member
        self._zip.NameToInfo.clear()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file, and the encoding of its names if the file does not tell it."""
        digest = sha256_of(self._path)
        return joint_fingerprint(digest, self._encoding) if self._encoding else digest

    def read(self, position: int, limit: int) -> bytes:
        """See `FileSource`."""
        member = self._member(position)
        if fault := why_closed(member, "The file", self._path.name):
            raise fault
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ImageError("The file is a symbolic link.", "Put the image itself into the ZIP.", "symlink")
        with parsing(_damaged_member), self._zip.open(member) as file:
            return file.read(limit)  # the size in the header may be wrong

    def first_bytes(self, position: int, limit: int) -> bytes:
        """The first bytes of a file, unchecked, to tell what it is: five times as fast as `read`. Raises ImageError."""
        offset, size, _, _, method, flags, _ = self._facts[position].tolist()
        if not flags & 0x1 and method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with contextlib.suppress(Exception):  # `read` tells what is wrong
                head = self._file.read(offset, _LOCAL_HEADER_BYTES + _NAME_BYTES + limit)
                signature, name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(head)
                start = _LOCAL_HEADER_BYTES + name_bytes + extra_bytes
                packed = head[start : start + min(size, limit)]
                if signature == _SIGNATURE and len(packed) == min(size, limit):
                    return packed if method == zipfile.ZIP_STORED else _inflated(packed, limit)
        return self.read(position, limit)

    def _member(self, position: int) -> zipfile.ZipInfo:
        member = zipfile.ZipInfo(self._stored_names[position])
        for fact, value in zip(_FACTS, self._facts[position].tolist(), strict=True):
            setattr(member, fact, value)
        return member


def _inflated(packed: bytes, limit: int) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, limit)


def _damaged_member(error: Exception) -> ImageError:
    return ImageError(f"The file is damaged inside the ZIP ({reason(error)}).", "Make the ZIP again.", "zip_member")


def why_closed(member: zipfile.ZipInfo, subject: str, archive: str) -> ImageError | None:
    """The reason why a member cannot be unpacked at all; None if it can.

    Args:
        subject: what is closed, in the message.
        archive: name of the ZIP.
    """
    if member.flag_bits & 0x1:
        return ImageError(
            f"{subject} is encrypted.",
            "Unpack it with its password and give the folder, or make the ZIP without a password.",
            "encrypted",
        )
    if member.compress_type in _SUPPORTED:
        return None
    method = _METHODS.get(member.compress_type, "an unknown method")
    zipped, folder = in_command(archive), in_command(PurePosixPath(archive).stem)
    unpack = f"unzip {zipped} -d {folder}" if member.compress_type == _DEFLATE64 else f"7z x {zipped} -o{folder}"
    return ImageError(
        f"{subject} is compressed with {method} (method {member.compress_type} of ZIP), which is not supported.",
        f"Unpack it, with `{unpack}` or in the 7-Zip program, and give the folder; or pack it again with Deflate: "
        f"`python -m zipfile -c again.zip {folder}`.",
        "zip_method",
    )


def _refuse_if_no_image_can_be_read(archive: str, members: Sequence[zipfile.ZipInfo]) -> None:
    """Raises DatasetError when every image, or else every file, is encrypted or compressed in an unsupported way."""
    members = [m for m in members if is_image_name(m.filename)] or members
    faults = (why_closed(member, archive, archive) for member in members)
    if (first := next(faults, None)) and all(faults):
        raise DatasetError(first.message, first.fix, first.code)
