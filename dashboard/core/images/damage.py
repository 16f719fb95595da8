"""Finds damage of PNG, WebP, HEIC and AVIF files that Pillow passes over."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from PIL import Image

from dashboard.core.errors import ImageError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNK_FRAME = 12  # bytes of length, type and CRC
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by type of colour
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_INFLATED_AT_ONCE = 2**14
# at the end; measured: in a whole WebP of one colour they are 5%, in others none
_LEAST_ZEROS, _LEAST_SHARE = 512, 0.25
_EXIF = b"Exif\0\0"
_MOST_EXIF = 2**16  # bytes, which may be zeros to reserve space


def check_png(data: bytes) -> None:
    """Compares the CRC of each chunk of a PNG file (PNG 3, section 5.3), since decoding skips those of the pixel data.

    Raises:
        ImageError: `unsupported_pixels` for the PNG files in an iPhone app.
        ValueError: a part is damaged or missing.
    """
    if not data.startswith(_PNG_SIGNATURE):
        raise ValueError("its first bytes are changed, as when a file is copied as text")
    if data[12:16] == b"CgBI":
        raise ImageError(
            "The file is a PNG of an iPhone app (CgBI), which is not an ordinary PNG.",
            "Open it with Preview on a Mac and export it as PNG.", "unsupported_pixels",
        )  # fmt: skip
    has_colors = data[25:26] != b"\3"  # which means that a palette has them
    start = len(_PNG_SIGNATURE)
    while start + _PNG_CHUNK_FRAME <= len(data):
        end = start + _PNG_CHUNK_FRAME + int.from_bytes(data[start : start + 4], "big")
        kind = data[start + 4 : start + 8]
        if end > len(data):  # Pillow would decode what there is, and skip the checksum
            raise ValueError(f"{_in_words(kind)} end too early")
        if zlib.crc32(data[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise ValueError(f"{_in_words(kind)} do not match their checksum")
        if kind == b"PLTE":
            has_colors = True
        elif kind == b"IDAT" and not has_colors:
            raise ValueError("its palette is missing")
        elif kind == b"IEND":
            return  # what follows is no part of the picture
        start = end


def _in_words(kind: bytes) -> str:
    """What a chunk of this type holds, in the plural."""
    held = {b"IDAT": "pixel data", b"PLTE": "colours of the palette"}.get(kind, "data besides the pixels")
    return f"the {held} (chunk {kind.decode('latin-1')!r})"


def png_lacks_rows(data: bytes, image: Image.Image) -> bool:
    """True if the data of a decoded PNG end before the picture does. Pillow leaves the rest of it zero.

    So its data are only measured if the last row is zero, or not the last to be decoded.
    """
    interlaced = bool(data[28])
    if not interlaced:
        last = image.getpixel((image.width - 1, image.height - 1))
        if last and (isinstance(last, (int, float)) or any(last)):  # quicker than to look at the whole row
            return False
        row = image.crop((0, image.height - 1, image.width, image.height))
        if row.getbbox(alpha_only=False) is not None:
            return False
    bits = data[24] * _PNG_CHANNELS[data[25]]
    needed = 0
    for left, top, step_x, step_y in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(image.width - left) // step_x), -(-(image.height - top) // step_y)
        needed += rows * (1 + -(-columns * bits // 8)) if columns > 0 and rows > 0 else 0
    inflating = zlib.decompressobj()
    for piece in _png_pixels(data):
        needed -= len(inflating.decompress(piece, needed))
        if needed <= 0:
            return False
        if inflating.eof:  # what follows would be copied again for each piece
            break
    return True


def _png_pixels(data: bytes) -> Iterator[bytes]:
    """The compressed pixels, in small pieces."""
    start = len(_PNG_SIGNATURE)
    while start + _PNG_CHUNK_FRAME <= len(data):
        end = start + _PNG_CHUNK_FRAME + int.from_bytes(data[start : start + 4], "big")
        if data[start + 4 : start + 8] == b"IDAT":
            for at in range(start + 8, end - 4, _INFLATED_AT_ONCE):
                yield data[at : min(at + _INFLATED_AT_ONCE, end - 4)]
        start = end


def ends_in_zeros(data: bytes) -> bool:
    """True if the last part of the pixels of a WebP, HEIC or AVIF file was never written, as after a broken download.

    Other formats tell it themselves, or have pixels that may be zeros.
    """
    if data[:4] == b"RIFF":
        pixels = next((part for kind, part in _riff_parts(data) if kind in (b"VP8 ", b"VP8L", b"ANMF")), b"")
    elif data[4:8] == b"ftyp":
        pixels = next((part for kind, part in _boxes(data) if kind == b"mdat"), b"")
    else:
        return False
    zeros = len(pixels) - len(pixels.rstrip(b"\0"))
    if zeros < max(_LEAST_ZEROS, _LEAST_SHARE * len(pixels)):
        return False
    return zeros > _MOST_EXIF or _EXIF not in pixels


def _riff_parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 12
    while start + 8 <= len(data):
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        yield data[start : start + 4], data[start + 8 : start + 8 + size]
        start += 8 + size + size % 2


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The outermost boxes of a file (ISO/IEC 14496-12, section 4.2)."""
    start = 0
    while start + 8 <= len(data):
        size, header = int.from_bytes(data[start : start + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        end = start + size if size else len(data)
        yield data[start + 4 : start + 8], data[start + header : end]
        if end < start + header:
            return
        start = end
