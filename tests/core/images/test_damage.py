"""Pictures of which a part is missing, although the file has its end."""

from __future__ import annotations

import base64
import io
import re
import struct
import sys
import time
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from dashboard.core.errors import ImageError
from dashboard.core.images.decoding import decode_image
from dashboard.core.images.jpeg_files import MOST_SCANS
from tests.conftest import encoded, picture
from tests.core.images.test_decoding import chunk, png_file

pillow_heif.register_heif_opener()  # to write such files

PHOTO = Image.fromarray(picture(3, 60, 45)).resize((481, 333), Image.Resampling.BICUBIC)
END = b"\xff\xd9"
TOO_MANY_BYTES = "between its picture and its end"
ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9"
    "lnN+gXz/yQALCAAYABgBAREA/8wABgAQEAX/2gAIAQEAAD8A/wBjyeONm943f6jcPNsN1p/RNNlNagMl8XrE/fCQDVT32OekHMFdl7+N3ezBp4EH"
    "5eWvfReVJMs0QVQfpV3mrd+q5oWDRhphCyOfuL/N5CXHEXUwUObd1G5N2D3/AIMHth4/h2ezPJ/4BivA/HnXwdZp59kzXA4TCkpoM3nDyMos2bUS"
    "9Tds4P/Z"
)  # a picture of 24 x 24 pixels that jpegtran converted; Pillow cannot write such files
SHRINK = pytest.mark.parametrize("shrink_to", [None, (64, 64)])


def refused(data: bytes, shrink_to: tuple[int, int] | None = None) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode_image(data, shrink_to)
    return caught.value


@SHRINK
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"restart_marker_rows": 1}, {"optimize": True}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_ends_too_early(mode: str, options: dict[str, int], shrink_to: tuple[int, int] | None) -> None:
    data = encoded(PHOTO.convert(mode), "JPEG", **options)
    for share in (0.3, 0.5, 0.8):
        error = refused(data[: int(share * len(data))] + END, shrink_to)
        assert error.code == "truncated" and "cut off" in error.message
    decode_image(data, shrink_to)


@SHRINK
@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": 0}, {"optimize": True}, {"restart_marker_blocks": 3}, {"progressive": True}],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_with_wrong_data_in_its_middle(
    mode: str, options: dict[str, int], shrink_to: tuple[int, int] | None
) -> None:
    """It is refused, or told to hold too many bytes: the decoder may read fewer blocks, but never finds a wrong code."""
    data = encoded(PHOTO.convert(mode), "JPEG", **options)
    at = data.index(b"\xff\xda") + (len(data) - data.index(b"\xff\xda")) // 2
    for wrong in (data[:at] + data[at - 500 : at] + data[at:], data[:at] + bytes(1000) + data[at + 1000 :]):
        assert refused_or_noted(wrong, shrink_to)


def refused_or_noted(data: bytes, shrink_to: tuple[int, int] | None) -> bool:
    try:
        return any(TOO_MANY_BYTES in note for note in decode_image(data, shrink_to).notes)
    except ImageError as error:
        return error.code == "truncated"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_bytes_left_over_after_the_picture_of_a_jpeg_are_noted(mode: str) -> None:
    """Some webcams and programs write them. The picture is whole, but it looks the same to the decoder if it is not."""
    data = encoded(PHOTO.convert(mode), "JPEG")
    told = decode_image(data[:-2] + b"camera" * 50 + END)
    assert np.array_equal(told.pixels, decode_image(data).pixels)
    assert len(told.notes) == 1 and re.match("The file holds about (295|299) bytes between its picture", told.notes[0])


def test_a_jpeg_that_is_both_damaged_and_padded_is_refused() -> None:
    """libjpeg-turbo's last warning is then that of the padding."""
    data = encoded(PHOTO, "JPEG", restart_marker_blocks=3)
    at = data.index(b"\xff\xd3", data.index(b"\xff\xda"))
    assert refused(data[: at - 20] + data[at:-2] + bytes(100) + END).code == "truncated"


def test_a_stray_byte_in_the_header_of_a_jpeg_does_not_matter() -> None:
    data = encoded(PHOTO, "JPEG")
    at = data.index(b"\xff\xdb")
    told = decode_image(data[:at] + b"\0" + data[at:])
    assert not told.notes and np.array_equal(told.pixels, decode_image(data).pixels)


def test_without_simplejpeg_a_jpeg_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simplejpeg", None)  # as if it were not installed
    error = refused(encoded(PHOTO, "JPEG"))
    assert error.code == "dependency_broken" and "simplejpeg" in error.message and "requirements.txt" in error.fix


@SHRINK
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}], ids=str)
def test_what_stands_around_the_data_of_a_jpeg_does_not_matter(
    options: dict[str, int], shrink_to: tuple[int, int] | None
) -> None:
    data = encoded(PHOTO, "JPEG", **options)
    whole = decode_image(data, shrink_to).pixels
    comment = b"\xff\xfe\x00\x20" + END * 15
    padded = [data[:-2] + filler + END for filler in (bytes(100), b"\xff" * 100)]
    for same in (*padded, data + data, data + b"trailer" * 20 + END, data + bytes(5000), data[:2] + comment + data[2:]):
        assert np.array_equal(decode_image(same, shrink_to).pixels, whole)


def test_an_arithmetic_coded_jpeg_is_read_at_once() -> None:
    """Its decoder cannot wait for more data, which here lie on both sides of Pillow's block of 64 KiB."""
    scan = ARITHMETIC.index(b"\xff\xda") + 20
    comments = b""
    while missing := 2**16 - scan - len(comments):
        size = min(missing, 60_000)
        comments += b"\xff\xfe" + struct.pack(">H", size - 2) + bytes(size - 4)
    large = ARITHMETIC[:2] + comments + ARITHMETIC[2:]
    assert np.array_equal(decode_image(large).pixels, decode_image(ARITHMETIC).pixels)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_says_to_be_higher_than_it_is(progressive: bool) -> None:
    data = bytearray(encoded(PHOTO, "JPEG", progressive=progressive))
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[at + 5 : at + 7] = struct.pack(">H", 666)
    assert refused(bytes(data)).code == "truncated"


@SHRINK
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_picture_that_is_gray_at_its_end_is_whole(
    mode: str, progressive: bool, shrink_to: tuple[int, int] | None
) -> None:
    pixels = np.array(PHOTO)
    for rows in (100, 333):
        pixels[-rows:] = 128
        for options in ({}, {"optimize": True}, {"restart_marker_blocks": 3}):
            image = Image.fromarray(pixels).convert(mode)
            decode_image(encoded(image, "JPEG", progressive=progressive, **options), shrink_to)


@pytest.mark.parametrize("scans", [1, 3, 5, 9])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_progressive_jpeg_without_its_last_scans(mode: str, scans: int) -> None:
    """It can be meant so if each scan is whole, but not if one is cut off."""
    noisy = np.random.default_rng(0).integers(0, 256, (90, 120, len(mode)), np.uint8)  # so that no scan is empty
    data = encoded(Image.fromarray(noisy.squeeze(), mode), "JPEG", progressive=True)
    starts = [found.start() for found in re.finditer(b"\xff\xda", data)]
    if scans >= len(starts):
        return
    tables = data.rfind(b"\xff\xc4", starts[scans - 1], starts[scans])  # of the next scan
    end = tables if tables > 0 else starts[scans]
    told = decode_image(data[:end] + END)
    assert told.notes == ("The JPEG holds only a coarse picture: the last of its scans were left out.",)
    for share in (0.3, 0.9):
        at = int(starts[scans - 1] + share * (end - starts[scans - 1]))
        assert refused(data[:at] + END).code == "truncated"
    assert decode_image(data).notes == ()


def test_a_progressive_jpeg_without_its_colours_is_cut_off() -> None:
    data = encoded(PHOTO, "JPEG", progressive=True).replace(b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x08\x01", 1)
    assert refused(data).code == "truncated"


def test_too_many_scans_are_refused_at_once() -> None:
    data = encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    start = time.process_time()
    assert refused(data[:-2] + last * 20_000 + END).code == "too_large"
    assert time.process_time() - start < 0.5
    small = encoded(Image.new("L", (16, 16)), "JPEG", progressive=True)
    last = small[small.rindex(b"\xff\xda") : -2]
    repeated = refused(small[:-2] + last * (MOST_SCANS // 2) + END)  # not too many, but each may come once only
    assert repeated.code == "truncated"


@pytest.mark.parametrize(
    ("marker", "bits", "words"),
    [(0xC1, 12, "12 bits per channel"), (0xC3, 8, "lossless JPEG"), (0xF7, 8, "JPEG-LS")],
)
def test_a_kind_of_jpeg_that_is_not_read_is_named(marker: int, bits: int, words: str) -> None:
    data = bytearray(encoded(PHOTO.convert("L"), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, bits
    error = refused(bytes(data))
    assert error.code == "unsupported_pixels" and words in error.message


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA", "I;16"])
def test_a_png_without_its_last_rows(mode: str) -> None:
    values = np.array(PHOTO.convert("L"), np.uint16)
    image = Image.fromarray(values | 1) if mode == "I;16" else PHOTO.convert(mode)
    data = encoded(image)
    start, end = data.index(b"IDAT"), data.index(b"IEND") - 4
    pixels = b"".join(each[:-4] for each in parts_of(data, b"IDAT"))
    rows = zlib.decompress(pixels)
    for share in (0.5, 0.99):
        short = chunk(b"IDAT", zlib.compress(rows[: int(len(rows) * share)]))
        assert refused(data[: start - 4] + short + data[end:]).code == "truncated"
    decode_image(data)


def parts_of(data: bytes, kind: bytes) -> list[bytes]:
    """The chunks of this kind in a PNG file, each with its checksum."""
    found, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == kind:
            found.append(data[at + 8 : at + 12 + size])
        at += 12 + size
    return found


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (21, 13)])
def test_an_interlaced_png(size: tuple[int, int]) -> None:
    """Pillow cannot write one: here each row of each of the seven passes (PNG 3, section 8.1) is black."""
    width, height = size
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b""
    for left, top, across, down in passes:
        columns = len(range(left, width, across))
        rows += b"".join(bytes(1 + 3 * columns) for _ in range(top, height, down) if columns)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1))
    for data, whole in ((rows, True), (rows[: len(rows) // 2], False)):
        png = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
        if whole:
            assert not decode_image(png).pixels.any()
        else:
            assert refused(png).code == "truncated"


def test_a_black_png_is_whole() -> None:
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"):
        decode_image(encoded(Image.new(mode, (300, 200))))


def test_what_is_wrong_with_a_png_is_said() -> None:
    assert "its palette is missing" in refused(png_file(1, 1, 8, 3, b"\0\0")).message
    as_text = encoded(PHOTO).replace(b"\r\n", b"\n")
    assert "copied as text" in refused(as_text).message
    data = encoded(PHOTO)
    iphone = refused(data[:8] + chunk(b"CgBI", b"\x50\0\x20\x02") + data[8:])
    assert "iPhone" in iphone.message and iphone.code == "unsupported_pixels"


@pytest.mark.parametrize(
    ("format", "options"),
    [("WEBP", {"lossless": True}), ("WEBP", {"quality": 90}), ("AVIF", {}), ("HEIF", {})],
    ids=str,
)
def test_a_file_whose_end_was_never_written(format: str, options: dict[str, int]) -> None:
    data = encoded(PHOTO, format, **options)
    for share in (0.5, 0.7):
        kept = int(share * len(data))
        error = refused(data[:kept] + bytes(len(data) - kept))
        assert error.code == "truncated" and "zeros" in error.message
    decode_image(data)


def test_zeros_after_the_pixels_do_not_matter() -> None:
    """Programs reserve space in EXIF data, and disks beyond the end of a file."""
    exif = Image.Exif()
    exif[0xEA1C] = bytes(20_000)  # as Windows writes it
    for format in ("WEBP", "AVIF", "HEIF"):
        decode_image(encoded(PHOTO, format, exif=exif.tobytes()))
    buffer = io.BytesIO()
    PHOTO.save(buffer, "WEBP")
    decode_image(buffer.getvalue() + bytes(len(buffer.getvalue())))


def test_plain_pictures_have_few_zeros_at_their_end() -> None:
    for color in ("black", "white"):
        image = Image.new("RGB", (2000, 2000), color)
        image.paste(PHOTO.crop((0, 0, 481, 8)), (0, 0))
        for format in ("WEBP", "AVIF", "HEIF"):
            decode_image(encoded(image, format))
