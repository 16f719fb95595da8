"""The parts of a JPEG file (ITU-T T.81, annex B): its kind, its scans, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dashboard.core.errors import ImageError
from dashboard.core.images.packages import needing

MOST_SCANS = 200  # programs write up to about 20; each is a pass over the whole picture
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # the first after the data of a scan
_START_OF_SCAN, _END, _JPEG_LS = 0xDA, 0xD9, 0xF7
_FRAMES = frozenset({*range(0xC0, 0xD0), _JPEG_LS} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE, _LOSSLESS = (0xC2, 0xCA), (0xC3, 0xC7, 0xCB, 0xCF)
_COEFFICIENTS = 64  # of a block
_RESTARTS = range(0xD0, 0xD8)
_END_MARKER, _PADDING = bytes((0xFF, _END)), b"\0\xff"
_COLOURS = {"RGB": "RGB", "L": "GRAY"}  # of Pillow, and of simplejpeg
# Warnings of libjpeg-turbo (jerror.h)
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_MISSING = re.compile("Premature end of JPEG file|premature end of data segment")
_WRONG = re.compile("Corrupt JPEG data|Inconsistent progression sequence")


@dataclass(frozen=True)
class _Frame:
    """What the header says of a picture."""

    marker: int
    bits: int
    components: int


@dataclass(frozen=True)
class _Scan:
    """A part of a picture's data: some coefficients of some components, without their lowest `low` bits."""

    components: tuple[int, ...]  # ids
    first: int
    last: int
    low: int
    data: int  # where its data begin


def lacks_scans(data: bytes) -> bool:
    """True if a progressive JPEG has only the first of its scans, which hold the coarse picture. Others say False.

    Raises:
        ImageError: `too_large` if there are too many scans, `truncated` if there is none for one of the components.
    """
    done: dict[int, list[int]] = {}
    frame, found = None, 0
    for part in _parts(data):
        if isinstance(part, _Frame):
            frame = part
            continue
        if frame is None or (frame.marker not in _PROGRESSIVE and len(part.components) == frame.components):
            return False
        found += 1
        if found > MOST_SCANS:
            raise ImageError(
                f"The JPEG has more than {MOST_SCANS} scans, each of which takes as long as a picture.",
                "Save it again as JPEG or PNG in an image editor.", "too_large",
            )  # fmt: skip
        for component in part.components:
            low = done.setdefault(component, [1] * _COEFFICIENTS)
            low[part.first : part.last + 1] = [part.low] * (part.last + 1 - part.first)
    if frame is None or frame.marker not in _PROGRESSIVE:
        return False
    if len(done) < frame.components:
        raise _damaged("cut off: the last of its scans, which hold its details, are missing")
    return any(any(low) for low in done.values())


def why_unread(data: bytes) -> ImageError | None:
    """The reason why Pillow cannot read a JPEG of this kind; None if it can."""
    frame = next((part for part in _parts(data) if isinstance(part, _Frame)), None)
    if frame is None:
        return None
    if frame.marker == _JPEG_LS:
        kind = "JPEG-LS"
    elif frame.marker in _LOSSLESS:
        kind = "lossless JPEG"
    elif frame.bits != 8:
        kind = f"JPEG with {frame.bits} bits per channel"
    else:
        return None
    return ImageError(
        f"The image is of a kind that is not read: {kind}.",
        "Save it as PNG, or as an ordinary JPEG, with 8 bits per channel.", "unsupported_pixels",
    )  # fmt: skip


def load(image: Image.Image, data: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """Decodes an opened JPEG at the scale of `image`. Gives the pixels, and notes on them.

    simplejpeg decodes it, because it reports the warnings with which libjpeg-turbo tells that data are wrong. Pillow gives
    the same pixels, but keeps the warnings to itself. So Pillow decodes only CMYK, and files that simplejpeg does not read
    although it found no damage, such as those with an unusual subsampling.

    Raises:
        ImageError: `truncated` if a part of the data is missing or wrong, `dependency_broken` without simplejpeg.
    """
    notes: tuple[str, ...] = ()
    try:
        pixels = _decode(data, image)
    except ValueError as warning:
        notes = _judge(str(warning), data, image)
    else:
        if image.mode in _COLOURS:
            decoded = Image.fromarray(pixels if image.mode == "RGB" else pixels[..., 0])
            decoded.info = image.info
            return decoded, notes
    image.load()
    return image, notes


def _decode(data: bytes, image: Image.Image) -> np.ndarray:
    """The pixels at the scale of `image`, (H, W, C) uint8. Raises ValueError with libjpeg-turbo's warning or error."""
    with needing("simplejpeg", "JPEG images"):
        from simplejpeg import decode_jpeg, decode_jpeg_header
    width, height = image.size
    if decode_jpeg_header(data, min_width=width, min_height=height)[:2] != (height, width):
        raise ValueError("Its size is not the one that Pillow read and that was checked.")
    return decode_jpeg(data, _COLOURS.get(image.mode, "CMYK"), min_width=width, min_height=height)


def _judge(warning: str, data: bytes, image: Image.Image) -> tuple[str, ...]:
    """Notes on a picture that was decoded with a warning of libjpeg-turbo, the last one if there were more.

    Raises:
        ImageError: `truncated` if the warning says that the picture is damaged.
    """
    if (left := _LEFT_OVER.search(warning)) is None:
        if _MISSING.search(warning):
            raise _damaged("damaged or cut off: a part of its data is missing")
        if _WRONG.search(warning):
            raise _damaged("damaged: a part of its data is wrong")
        return ()
    count, marker = int(left[1]), int(left[2], 16)
    parts = list(_parts(data))
    frame = next((part for part in parts if isinstance(part, _Frame)), None)
    scan = next((part for part in parts if isinstance(part, _Scan)), None)
    if marker != _END:
        if marker in _RESTARTS or (frame and frame.marker in _PROGRESSIVE):
            raise _damaged("damaged: a part of its data is wrong")
        return ()  # in the header
    end = data.find(_END_MARKER, scan.data) if scan else -1
    if end >= 0:
        try:
            _decode(data[: end - count] + _END_MARKER, image)
        except ValueError as earlier:
            if not _LEFT_OVER.search(str(earlier)):
                _judge(str(earlier), data, image)
        if not data[end - count : end].strip(_PADDING):
            return ()
    return (
        f"The file holds about {count:,} bytes between its picture and its end that belong to neither. If the picture looks "
        "wrong, the file is damaged.",
    )


def _damaged(what: str) -> ImageError:
    return ImageError(f"The image is {what}.", "Export or copy it again.", "truncated")


def _parts(data: bytes) -> Iterator[_Frame | _Scan]:
    """The header of the picture and of each scan. Ends where the file does, or is damaged."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a marker may begin with several of these
            at += 1
            continue
        if marker == _END:
            return
        start, end = at + 4, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAMES and start + 6 <= len(data):
            yield _Frame(marker, data[start], data[start + 5])
        at = end
        if marker == _START_OF_SCAN:
            header = data[start:end]
            if len(header) != 4 + 2 * (header[0] if header else 0):
                return
            yield _Scan(tuple(header[1:-3:2]), header[-3], min(header[-2], _COEFFICIENTS - 1), header[-1] & 15, end)
            found = _MARKER.search(data, end)
            if found is None:
                return
            at = found.start()
