"""TIFF files as other programs write them. Their tags are written here, since Pillow cannot write most of these kinds."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest

from dashboard.core.errors import ImageError
from dashboard.core.images.decoding import decode_image
from tests.conftest import encoded, picture

COLORS = picture(1, 24, 16)
GRAY = COLORS[..., 0]
WIDE = COLORS.astype(np.uint16) * 257
OPAQUE = np.full((16, 24, 1), 65535, np.uint16)
UNSIGNED, SIGNED, FLOATING = 1, 2, 3


def tiff(
    strips: list[bytes], bits: list[int], photometric: int, planar: int = 1, order: str = "<", numbers: int = UNSIGNED,
    extra: tuple[int, ...] = (), rows: int = 16, more: dict[int, list[int]] | None = None,
) -> bytes:  # fmt: skip
    """A TIFF file of 24 x 16 pixels."""
    places = [8 + sum(map(len, strips[:i])) for i in range(len(strips))]
    tags = {
        256: [24], 257: [16], 258: bits, 259: [1], 262: [photometric], 273: places, 277: [len(bits)], 278: [rows],
        279: [len(strip) for strip in strips], 284: [planar], 339: [numbers] * len(bits), **(more or {}),
    }  # fmt: skip
    if extra:
        tags[338] = list(extra)
    data = b"".join(strips)
    start = 8 + len(data)
    later, entries = b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}H", *values)
        if len(packed) > 4:
            place = start + 2 + 12 * len(tags) + 4 + len(later)
            later, packed = later + packed, struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return header + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + later


def planes(values: np.ndarray, order: str = "<") -> list[bytes]:
    return [values[..., channel].astype(f"{order}u2").tobytes() for channel in range(values.shape[2])]


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode_image(data)
    return caught.value


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
def test_colours_of_16_bits_in_planes_of_their_own(order: str) -> None:
    rgb = tiff(planes(WIDE, order), [16] * 3, 2, planar=2, order=order)
    rgba = tiff(planes(np.dstack([WIDE, OPAQUE]), order), [16] * 4, 2, planar=2, order=order, extra=(2,))
    gray = tiff(planes(WIDE[..., :1], order), [16], 1, planar=2, order=order)
    for data in (rgb, rgba):
        assert np.array_equal(decode_image(data).pixels, COLORS)
    assert np.array_equal(decode_image(gray).pixels[..., 0], GRAY)
    assert decode_image(rgb).notes == ("16-bit colours, shown with 8 bits.",)


def test_in_strips_of_a_few_rows_too() -> None:
    strips = [part for plane in planes(WIDE) for part in (plane[: 10 * 48], plane[10 * 48 :])]
    assert np.array_equal(decode_image(tiff(strips, [16] * 3, 2, planar=2, rows=10)).pixels, COLORS)


def test_planes_that_would_be_read_wrongly_are_refused() -> None:
    cmyk = refused(tiff(planes(np.dstack([WIDE, OPAQUE])), [16] * 4, 5, planar=2))
    assert "16-bit CMYK in 4 channels, each in a plane of its own" in cmyk.message
    assert refused(tiff([GRAY.tobytes()], [8], 0, planar=2)).code == "unsupported_pixels"
    assert np.array_equal(decode_image(tiff([GRAY.tobytes()], [8], 1, planar=2)).pixels[..., 0], GRAY)


def test_a_map_of_colours_may_have_8_bits() -> None:
    colors = np.arange(768).reshape(3, 256) % 251  # of each of 256 numbers: red, green, blue
    wanted = colors.T[GRAY]
    for by in (1, 257):
        data = tiff([GRAY.tobytes()], [8], 3, more={320: (colors * by).ravel().tolist()})
        assert np.array_equal(decode_image(data).pixels, wanted), by


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff([GRAY.astype(np.int8).tobytes()], [8], 1, numbers=SIGNED), "8-bit signed gray"),
        (tiff([GRAY.astype("<i2").tobytes()], [16], 1, numbers=SIGNED), "16-bit signed gray"),
        (tiff([GRAY.astype("<f2").tobytes()], [16], 1, numbers=FLOATING), "16-bit floating-point gray"),
        (tiff([GRAY.astype("<f8").tobytes()], [64], 1, numbers=FLOATING), "64-bit floating-point gray"),
        (tiff([GRAY.astype("<f4").tobytes()], [32], 1, numbers=FLOATING), "32-bit floating-point gray"),
        (tiff([COLORS.astype("<f4").tobytes()], [32] * 3, 2, numbers=FLOATING), "32-bit floating-point RGB"),
        (tiff([COLORS.astype("i1").tobytes()], [8] * 3, 2, numbers=SIGNED), "8-bit signed RGB"),
        (tiff([GRAY.astype(">u2").tobytes()], [16], 0, order=">"), "16-bit gray whose 0 is white, big-endian"),
        (tiff([bytes(24 * 16 * 3 // 2)], [12], 0), "12-bit gray whose 0 is white"),
        (tiff([COLORS.tobytes()], [8] * 3, 9), "8-bit ICC L"),
        (tiff([bytes(24 * 16 * 5)], [8] * 5, 1, extra=(0,) * 4), "8-bit gray in 5 channels"),
        (tiff([bytes(24 * 16 * 4)], [16] * 2, 1, extra=(2,)), "16-bit gray in 2 channels"),
        (tiff([bytes(24 * 16 * 3 // 2)], [8] * 3, 6), "8-bit YCbCr"),
    ],
    ids=str,
)
def test_a_kind_of_pixels_that_is_not_read_is_named(data: bytes, words: str) -> None:
    error = refused(data)
    assert error.code == "unsupported_pixels" and words in error.message and "8 bits" in error.fix


def test_a_damaged_file_is_still_called_damaged() -> None:
    data = tiff([GRAY.astype("<f2").tobytes()], [16], 1, numbers=FLOATING)
    assert refused(data[:-100]).code == "truncated"


def test_a_missing_strip_or_tile_is_found() -> None:
    half = COLORS[:8].tobytes()
    assert refused(tiff([half], [8] * 3, 2, rows=8)).code == "truncated"
    assert refused(tiff(planes(WIDE)[:2], [16] * 3, 2, planar=2)).code == "truncated"
    assert np.array_equal(decode_image(tiff([half, COLORS[8:].tobytes()], [8] * 3, 2, rows=8)).pixels, COLORS)


def test_many_pages_take_no_time() -> None:
    entries = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 1), (279, 1)]
    page = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    size, pages = len(page) + 4, 20_000
    data = b"II*\0" + struct.pack("<I", 8)
    data += b"".join(page + struct.pack("<I", 8 + size * (n + 1) if n < pages - 1 else 0) for n in range(pages))
    start = time.process_time()
    assert decode_image(data).notes == ("Only the first frame is used.",)
    assert time.process_time() - start < 0.2
    assert decode_image(encoded(COLORS, "TIFF")).notes == ()
