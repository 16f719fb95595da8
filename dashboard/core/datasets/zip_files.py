"""Reads files from a ZIP without unpacking it. Members are identified by position, since names may repeat."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from dashboard.core.datasets.image_files import is_junk, joint_fingerprint
from dashboard.core.datasets.labelling import is_image_name
from dashboard.core.datasets.sample_list import PackedNames
from dashboard.core.datasets.zip_names import read_names
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.files import sha256_of
from dashboard.core.shell import in_command

MEMBER_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip  # errors that reading a damaged member can raise
_FACTS = ("header_offset", "compress_size", "file_size", "CRC", "compress_type", "flag_bits", "external_attr")
_METHODS = {
    1: "Shrink", 6: "Implode", 9: "Deflate64", 10: "PKWARE Implode", 16: "IBM z/OS CMPSC", 18: "IBM TERSE", 19: "IBM LZ77",
    20: "Zstandard", 93: "Zstandard", 94: "MP3", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd",
}  # fmt: skip  # APPNOTE.TXT of PKWARE, section 4.4.5
_DEFLATE64 = 9  # the method of Windows Explorer above 2 GB
_SUPPORTED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_SUPPORTED |= {getattr(zipfile, "ZIP_ZSTANDARD", zipfile.ZIP_STORED)}  # since Python 3.14
_LOCAL_HEADER_BYTES = 30  # the fixed part of the header before each member


def open_zip(path: Path) -> zipfile.ZipFile:
    """Opens a ZIP. Raises DatasetError when it is damaged, or its members overlap."""
    try:
        opened = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise DatasetError(f"{path.name} is damaged: {error}.", "Upload or copy it again.", "zip_damaged") from error
    end = 0
    for member in sorted(opened.infolist(), key=lambda m: m.header_offset):
        if member.header_offset < end:
            raise DatasetError(
                f"{path.name} has overlapping members, like archives that are made to exhaust memory.",
                "Make the ZIP again from the images.", "zip_overlap",
            )  # fmt: skip
        end = member.header_offset + _LOCAL_HEADER_BYTES + member.compress_size
    return opened


def incomplete_zip(name: str) -> DatasetError:
    """The error for a file that is named like a ZIP but does not end like one."""
    return DatasetError(
        f"{name} is not a complete ZIP file: its end is missing or damaged.",
        "Upload or copy it again.",
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
        files = [m for m in self._zip.infolist() if m.filename[-1:] not in ("/", "\\")]
        read = read_names(path.name, files, encoding)
        # some Windows programs write backslashes
        names = [name.partition("\0")[0].replace("\\", "/") for name in read.names]
        kept = [i for i, name in enumerate(names) if not is_junk(name)]
        members = [files[i] for i in kept]
        _refuse_if_no_image_can_be_read(path.name, members)
        self.names = PackedNames(names[i] for i in kept)
        self.question, self.note, self._encoding = read.question, read.note, read.encoding
        self._stored_names = PackedNames(m.orig_filename for m in members)
        self._facts = np.column_stack(
            [np.fromiter((getattr(m, fact) for m in members), np.int64, len(members)) for fact in _FACTS]
        )
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
        try:
            with self._zip.open(member) as file:
                return file.read(limit)  # the size in the header may be wrong
        except MEMBER_ERRORS as error:
            raise ImageError(
                f"The file is damaged inside the ZIP ({error}).", "Make the ZIP again.", "zip_member"
            ) from error

    def _member(self, position: int) -> zipfile.ZipInfo:
        member = zipfile.ZipInfo(self._stored_names[position])
        for fact, value in zip(_FACTS, self._facts[position].tolist(), strict=True):
            setattr(member, fact, value)
        return member


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
    faults = [why_closed(member, archive, archive) for member in members]
    if faults and all(faults) and (first := faults[0]):
        raise DatasetError(first.message, first.fix, first.code)
