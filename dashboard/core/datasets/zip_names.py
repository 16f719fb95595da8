"""The names of the files in a ZIP, which are bytes in an encoding that a ZIP need not tell.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.4 (bit 11), 4.6.9 (Unicode path) and appendix D
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dashboard.core.datasets.file_names import is_image_name
from dashboard.core.errors import DatasetError
from dashboard.core.questions import Answer, Question

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075  # an extra field of Info-ZIP: the name once more, in UTF-8
_PYTHONS = "cp437"  # zipfile reads names without the flag like this, which loses nothing
_UTF8 = "utf-8"
_MOST_ANSWERS = 8


@dataclass(frozen=True)
class ZipNames:
    """Names of members, and what is not certain about them."""

    names: tuple[str, ...]
    encoding: str = ""  # of the names whose encoding the ZIP does not tell; "" if there are none
    question: Question | None = None
    note: str = ""


def read_names(zip_name: str, members: Sequence[zipfile.ZipInfo], wanted: str = "") -> ZipNames:
    """Reads the names of members: as the ZIP tells, else as UTF-8 if all can be read so, else in the likeliest encoding.

    Args:
        wanted: the encoding that the user says, for the names whose encoding the ZIP does not tell; "" if none.

    Raises:
        DatasetError: there is no such encoding, or a name cannot be read in it; code `choice`.
    """
    told = [_told(member) for member in members]
    unknown = [
        member.orig_filename.encode(_PYTHONS) for member, name in zip(members, told, strict=True) if name is None
    ]
    if not unknown:
        return ZipNames(tuple(name for name in told if name is not None))
    found = _chosen(zip_name, unknown, wanted) if wanted else _likeliest(zip_name, unknown)
    read = iter([raw.decode(found.encoding) for raw in unknown])
    return replace(found, names=tuple(next(read) if name is None else name for name in told))


def _told(member: zipfile.ZipInfo) -> str | None:
    """The name of a member if its encoding is certain, else None."""
    name = member.orig_filename
    if member.flag_bits & _UTF8_FLAG or name.isascii():
        return name
    return _unicode_path(member.extra, name.encode(_PYTHONS))


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name in the extra field of Info-ZIP; None if there is none, or it belongs to another name."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(body) > 5 and struct.unpack_from("<BL", body) == (1, zlib.crc32(raw)):
            try:
                return body[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None


def _likeliest(zip_name: str, unknown: Sequence[bytes]) -> ZipNames:
    encodings = _possible(unknown)
    chosen, certain = encodings[0], encodings[0] == _UTF8
    question = Question("zip_encoding", _asks(zip_name), _answers(encodings, unknown), chosen, certain)
    how = "are UTF-8" if certain else f"are in an unknown encoding; {chosen} is guessed"
    return ZipNames((), chosen, question, f"Names in the ZIP {how}, such as {_read_as(chosen, _examples(unknown))}.")


def _possible(unknown: Sequence[bytes]) -> list[str]:
    """UTF-8 if all names can be read so, then other encodings, the likeliest first."""
    from dashboard.core.datasets.encoding_guess import decodings  # only few ZIP files need it

    whole = b"\n".join(unknown)
    return [encoding for encoding in (_UTF8, *decodings(_parts(unknown))) if _is_in(whole, encoding)]


def _is_in(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _parts(unknown: Sequence[bytes]) -> list[bytes]:
    """The different names of folders and files that are not plain ASCII."""
    return list(dict.fromkeys(part for raw in unknown for part in raw.split(b"/") if not part.isascii()))


def _chosen(zip_name: str, unknown: Sequence[bytes], wanted: str) -> ZipNames:
    try:
        for raw in unknown:
            raw.decode(wanted)
    except (LookupError, ValueError) as error:
        question = Question("zip_encoding", _asks(zip_name), _answers(_possible(unknown), unknown))
        raise DatasetError(
            f"The names in {zip_name} cannot be read as {wanted}: {error}.",
            question.way_out, "choice",
        ) from error  # fmt: skip
    encodings = list(dict.fromkeys([wanted, *_possible(unknown)]))
    question = Question("zip_encoding", _asks(zip_name), _answers(encodings, unknown), wanted, certain=True)
    examples = _read_as(wanted, _examples(unknown))
    return ZipNames((), wanted, question, f"Names in the ZIP are read as {wanted}, as chosen, such as {examples}.")


def _asks(zip_name: str) -> str:
    return f"In which encoding are the names in {zip_name}?"


def _answers(encodings: Sequence[str], unknown: Sequence[bytes]) -> tuple[Answer, ...]:
    examples = _examples(unknown)
    return tuple(Answer(encoding, _read_as(encoding, examples)) for encoding in encodings[:_MOST_ANSWERS])


def _examples(unknown: Sequence[bytes]) -> list[bytes]:
    """Up to three images and their folders; or other files if there are no images."""
    images = [raw for raw in unknown if is_image_name(raw.decode(_PYTHONS))]
    return _parts(images or unknown)[:3]


def _read_as(encoding: str, examples: Sequence[bytes]) -> str:
    return ", ".join(part.decode(encoding, "replace") for part in examples)
