"""The parts of a JPEG file (ITU-T T.81, annex B): its kind, its scans, and what is missing."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageChops

from dashboard.core.errors import ImageError

MOST_SCANS = 200  # programs write up to about 20; each is a pass over the whole picture
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # the first after the data of a scan
_START_OF_SCAN, _END, _JPEG_LS, _FIRST_ARITHMETIC = 0xDA, 0xD9, 0xF7, 0xC9
_FRAMES = frozenset({*range(0xC0, 0xD0), _JPEG_LS} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE, _LOSSLESS = (0xC2, 0xCA), (0xC3, 0xC7, 0xCB, 0xCF)
_COEFFICIENTS = 64  # of a block
# Data and restart markers. The data begin with zeros and ones by turns: many zeros may mean that some blocks are plain.
_MORE = b"".join(bytes(range(0x6D, 0xFF)) * 7 + bytes([0xFF, 0xD0 + n]) for n in range(8))
_GRAY = (127, 128)  # what a block without data becomes
_PADDING, _MOST_PADDING, _MOST_LEFT = b"\0\xff", 4096, 16  # that programs leave at the end; bytes


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
        raise without_scans()
    return any(any(low) for low in done.values())


def without_scans() -> ImageError:
    """The error for a progressive JPEG without its last scans."""
    return ImageError(
        "The image is cut off: the last of its scans, which hold its details, are missing.",
        "Export or copy it again.", "truncated",
    )  # fmt: skip


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


def load(image: Image.Image, data: bytes) -> bool:
    """Decodes an opened JPEG. False if the picture was complete before its data ended.

    The decoder then skips the rest, so it read too many blocks somewhere: data in the middle are damaged, and what
    follows is shifted. To tell it, the last bytes are held back until the decoder asks for them, as it always does for
    those of a whole picture. It can be told of pictures that have all their data in one scan. Arithmetic-coded data are
    given to the decoder at once, because it cannot wait for more.
    """
    end_marker = bytes((0xFF, _END))
    end = data.rfind(end_marker)
    last = data[max(0, end - _MOST_PADDING) : max(0, end)]
    enough = end - len(last) + len(last.rstrip(_PADDING)) - _MOST_LEFT
    file = getattr(image, "fp", None)
    if enough <= 0 or file is None or _is_arithmetic(data):
        enough = len(data)
    image.decodermaxblock = enough  # type: ignore[attr-defined]
    image.load()
    if enough == len(data) or file is None or file.tell() > enough:
        return True
    scan = next((part for part in _parts(data) if isinstance(part, _Scan)), None)
    return scan is None or data.find(end_marker, scan.data) < enough  # the picture ends before other data


def lacks_rows(data: bytes, image: Image.Image, draft: tuple[int, int] | None) -> bool:
    """True if the data of a decoded JPEG end before the picture does, although the file has an end.

    The decoder makes the rest gray. So if the last pixel is gray, the file is decoded once more with data added where
    they end. They change the picture only if some are missing.

    Args:
        draft: the size with which Pillow was asked to decode it at a smaller scale; None if it was not.
    """
    last = image.getpixel((image.width - 1, image.height - 1))
    if not all(value in _GRAY for value in (last if isinstance(last, tuple) else (last,))):
        return False
    if _is_arithmetic(data):  # its data go on with zeros, not gray
        return False
    return _lacks_data(data, next((part for part in _parts(data) if isinstance(part, _Scan)), None), image, draft)


def is_cut_within_a_scan(data: bytes, image: Image.Image, draft: tuple[int, int] | None) -> bool:
    """True if the last scan of a decoded JPEG ends before the picture does, as in a file that was cut off and closed.

    Args:
        draft: as for `lacks_rows`.
    """
    scans = [part for part in _parts(data) if isinstance(part, _Scan)]
    return _lacks_data(data, scans[-1] if scans else None, image, draft)


def _lacks_data(data: bytes, scan: _Scan | None, image: Image.Image, draft: tuple[int, int] | None) -> bool:
    """True if more data at the end of the scan change the picture: nothing is read beyond the last block."""
    end = _MARKER.search(data, scan.data) if scan else None
    if end is None:
        return False
    at = end.start()
    stuffing = b"\0" if data[at - 1] == 0xFF else b""  # else this byte and the next would be a marker
    longer = data[:at] + stuffing + _MORE + data[at:]
    with Image.open(io.BytesIO(longer), formats=("JPEG",)) as again:
        if draft:
            again.draft("RGB", draft)
        again.load()
        return ImageChops.difference(image, again).getbbox() is not None


def _is_arithmetic(data: bytes) -> bool:
    frame = next((part for part in _parts(data) if isinstance(part, _Frame)), None)
    return frame is not None and frame.marker >= _FIRST_ARITHMETIC


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
