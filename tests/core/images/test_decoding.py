"""Hostile images."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from dashboard.core.errors import ImageError
from dashboard.core.images.decoding import (
    FORMATS,
    MAX_JPEG_PIXELS,
    MAX_PHOTO_PIXELS,
    MAX_PROGRESSIVE_PIXELS,
    decode_image,
)
from dashboard.core.images.drawing import encode_png, enlarge
from dashboard.core.images.file_size import MAX_FILE_BYTES
from tests.conftest import encoded, picture
from tests.core.damage import outcome_of_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(width: int, height: int, bit_depth: int, color_type: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def quadrants(size: int = 32) -> Image.Image:
    """A square with quarters in red and green (top), blue and white (bottom)."""
    image = Image.new("RGB", (size, size))
    half = size // 2
    for place, color in zip([(0, 0), (half, 0), (0, half), (half, half)], [RED, GREEN, BLUE, WHITE], strict=True):
        image.paste(color, (*place, place[0] + half, place[1] + half))
    return image


def corners(pixels: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(int(v) for v in pixels[y, x]) for y, x in ((2, 2), (2, -3), (-3, 2), (-3, -3))]


def close(found: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 12) -> bool:
    return all(abs(int(a) - int(b)) <= tolerance for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("format", ["PNG", "BMP", "GIF", "TIFF"])
def test_lossless_formats_give_the_pixels(format: str) -> None:
    decoded = decode_image(encoded(quadrants(), format))
    assert np.array_equal(decoded.pixels, np.asarray(quadrants()))
    assert decoded.pixels.dtype == np.uint8 and decoded.notes == ()


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_formats_give_nearly_the_pixels(format: str) -> None:
    decoded = decode_image(encoded(quadrants(), format, quality=95))
    assert all(close(a, b) for a, b in zip(corners(decoded.pixels), [RED, GREEN, BLUE, WHITE], strict=True))


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode_image(data)
    assert caught.value.message
    return caught.value


def test_empty() -> None:
    assert refused(b"").code == "empty" and refused(b"").fix == "Export or copy it again."


@pytest.mark.parametrize(
    "data",
    [
        b"just some text, long enough to be looked at",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(/tmp/x) (w) file\n%%EOF\n",
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(12),
        b"\x00\x00\x01\x00\x01\x00\x01\x01" + bytes(60),
    ],
    ids=["text", "svg", "eps", "jp2", "ico"],
)
def test_to_4_other_content_is_refused_whatever_its_name(data: bytes) -> None:
    assert refused(data).code == "not_an_image"


def test_a_real_eps_is_not_given_to_ghostscript() -> None:
    assert refused(encoded(quadrants(), "EPS")).code == "not_an_image"
    assert "EPS" not in FORMATS


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_6_a_truncated_file_is_refused(format: str, share: float) -> None:
    data = encoded(picture(1, 200, 200), format)
    assert refused(data[: int(share * len(data))]).code in ("truncated", "not_an_image")


def test_the_message_about_a_truncated_jpeg_says_so() -> None:
    data = encoded(picture(1, 200, 200), "JPEG")
    assert "cut off" in refused(data[: len(data) // 2]).message
    assert "runcated" not in refused(data[: len(data) // 2]).message


@pytest.mark.parametrize("level", [0, 9], ids=["stored", "deflated"])
def test_no_bit_flip_in_the_pixel_data_goes_unnoticed(level: int) -> None:
    data = encoded(picture(2), compress_level=level)
    start = data.index(b"IDAT") + 4
    end = data.index(b"IEND") - 8
    places = np.linspace(start, end, 60, dtype=int)
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 0x10
        assert refused(bytes(flipped)).code == "truncated", place


def test_a_header_of_50000_x_50000_is_refused_before_memory_is_taken() -> None:
    start = time.process_time()
    error = refused(png_file(50_000, 50_000, 8, 2, b"\0" * 1000))
    assert error.code == "too_many_pixels" and time.process_time() - start < 0.5


def test_a_real_9000_x_9000_image_is_refused_before_memory_is_taken() -> None:
    data = encoded(Image.new("1", (9000, 9000)))
    assert len(data) < 500_000
    before = psutil.Process().memory_info().rss
    error = refused(data)
    assert error.code == "too_many_pixels" and "9,000 x 9,000" in error.message
    assert psutil.Process().memory_info().rss - before < 50 * 2**20


def test_the_limit_that_is_told_is_that_of_the_kind_of_image() -> None:
    jpeg = encoded(Image.new("L", (8, 8)), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    enormous = jpeg[:at] + struct.pack(">HH", 12_240, 16_320) + jpeg[at + 4 :]
    assert "more than the 178 megapixels allowed" in refused(enormous).message
    progressive = encoded(Image.new("L", (9000, 8000)), "JPEG", quality=1, progressive=True)
    assert (
        "9,000 x 8,000 pixels, more than the 64 megapixels of a progressive JPEG allowed"
        in refused(progressive).message
    )
    assert "more than the 16 megapixels allowed" in refused(png_file(50_000, 50_000, 8, 2, b"")).message
    limits = {"JPEG 178 million": 178, "progressive JPEG 64 million": 64, "HEIC and AVIF 50 million": 50}
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    assert all(text in readme for text in limits)
    assert [*limits.values()] == [most // 10**6 for most in (MAX_JPEG_PIXELS, MAX_PROGRESSIVE_PIXELS, MAX_PHOTO_PIXELS)]


def test_a_large_jpeg_is_shrunk_while_it_is_decoded_but_not_a_progressive_one_beyond_the_limit() -> None:
    large = Image.new("RGB", (6000, 5000), RED)
    data = encoded(large, "JPEG", quality=30)
    assert refused(data).code == "too_many_pixels"
    pixels = decode_image(data, shrink_to=(128, 128)).pixels
    assert pixels.shape == (625, 750, 3) and close(tuple(pixels[9, 9]), RED)
    header_only = encoded(Image.new("L", (9000, 8000)), "JPEG", quality=1, progressive=True)
    with pytest.raises(ImageError, match="9,000 x 8,000"):
        decode_image(header_only, shrink_to=(128, 128))


def test_shrinking_never_goes_below_what_is_asked() -> None:
    data = encoded(picture(3, 400, 130), "JPEG")
    assert decode_image(data, shrink_to=(128, 128)).pixels.shape == (130, 400, 3)
    assert decode_image(data, shrink_to=(64, 64)).pixels.shape == (65, 200, 3)


def test_a_jpeg_is_shrunk_further_than_asked_rather_than_refused() -> None:
    data = encoded(Image.new("L", (8200, 8200)), "JPEG", quality=1)
    decoded = decode_image(data, shrink_to=(4100, 4100))
    assert decoded.pixels.shape == (2050, 2050, 3) and decoded.size == (8200, 8200)
    strip = decode_image(encoded(Image.new("L", (60_000, 300)), "JPEG"), shrink_to=(1024, 1024))
    assert strip.pixels.shape == (150, 30_000, 3)


def test_one_pixel() -> None:
    assert decode_image(encoded(Image.new("RGB", (1, 1), BLUE))).pixels.tolist() == [[list(BLUE)]]


def test_a_file_over_the_limit_is_refused() -> None:
    assert refused(b"\x89PNG" + bytes(MAX_FILE_BYTES)).code == "too_large"


def test_16_bit_gray_keeps_its_high_byte() -> None:
    values = np.array([[0, 255, 256, 0x7FFF], [0x8000, 0xFEFF, 0xFF00, 0xFFFF]], np.uint16)
    high = (values >> 8).astype(np.uint8)
    big_endian = values.astype(">u2")
    as_png = png_file(4, 2, 16, 0, b"".join(b"\0" + row.tobytes() for row in big_endian))
    as_tiff = encoded(Image.fromarray(values), "TIFF")
    for data in (as_png, as_tiff):
        decoded = decode_image(data)
        assert np.array_equal(decoded.pixels, np.repeat(high[..., None], 3, axis=2))
        assert "16-bit" in decoded.notes[0]


def test_12_bits_in_16_are_dark_and_said_so() -> None:
    values = np.array([[0, 4080]], np.uint16)
    decoded = decode_image(encoded(Image.fromarray(values), "TIFF"))
    assert decoded.pixels[0, :, 0].tolist() == [0, 15]
    assert decoded.notes[1] == "The picture is dark: its largest value is 4,080 of 65,535."
    assert len(decode_image(encoded(Image.fromarray(values * 8), "TIFF")).notes) == 1


def test_16_bit_rgb_keeps_its_high_bytes() -> None:
    values = np.array([[[0xFFFF, 0x8000, 0x00FF], [0x1234, 0xABCD, 0x0000]]], ">u2")
    decoded = decode_image(png_file(2, 1, 16, 2, b"\0" + values.tobytes()))
    assert decoded.pixels.tolist() == [[[255, 128, 0], [0x12, 0xAB, 0]]]
    assert decoded.notes == ("16-bit colours, shown with 8 bits.",)
    wide = decode_image(b"P6 2 1 65535\n" + values.tobytes())
    assert wide.notes == decoded.notes
    assert decode_image(encoded(picture(1))).notes == ()


def test_cmyk() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = decode_image(encoded(image, "JPEG", quality=95)).pixels
    assert close(tuple(pixels[8, 8]), RED)


def test_a_transparent_palette_is_composited_on_white_and_said_so() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (2, 0, 4, 4))
    decoded = decode_image(encoded(image, transparency=0))
    assert decoded.pixels[0, 0].tolist() == list(WHITE) and decoded.pixels[0, 3].tolist() == list(BLUE)
    assert "white" in decoded.notes[0]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_rgba_is_composited_on_white(format: str) -> None:
    image = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (255, 0, 0, alpha))
    decoded = decode_image(encoded(image, format))
    assert decoded.pixels[0, 0].tolist() == list(WHITE) and decoded.pixels[0, 2].tolist() == list(RED)
    assert close(tuple(decoded.pixels[0, 1]), (255, 127, 127), 1)
    assert decoded.notes == ("Transparent parts are shown on white.",)


def test_the_transparent_gray_or_colour_of_a_png() -> None:
    """It is told in the bits of the file: 0 to 3, 0 to 15 or 0 to 65535."""

    def png(bits: int, kind: int, row: bytes, transparent: bytes) -> bytes:
        data = png_file(2, 1, bits, kind, b"\0" + row)
        return data[:33] + chunk(b"tRNS", transparent) + data[33:]  # the header ends after 33 bytes

    for bits, row, transparent, gray in (
        (2, b"\x60", b"\0\1", 170), (4, b"\x6a", b"\0\6", 170), (16, b"\x60\1\xaa\0", b"\x60\1", 170),
    ):  # fmt: skip
        decoded = decode_image(png(bits, 0, row, transparent))
        assert decoded.pixels[0, :, 0].tolist() == [255, gray], bits
        assert "Transparent parts are shown on white." in decoded.notes
    wide = decode_image(png(16, 2, b"\x12\x34" * 3 + b"\x34\x12" * 3, b"\x12\x34" * 3))
    assert wide.pixels[0, :, 0].tolist() == [255, 0x34]


def test_gray_with_alpha_and_opaque_alpha() -> None:
    gray = Image.new("LA", (2, 1), (0, 255))
    gray.putpixel((1, 0), (0, 0))
    assert decode_image(encoded(gray)).pixels.tolist() == [[[0, 0, 0], list(WHITE)]]
    opaque = decode_image(encoded(quadrants().convert("RGBA")))
    assert np.array_equal(opaque.pixels, np.asarray(quadrants())) and opaque.notes == ()


def test_an_alpha_channel_of_zeros_is_ignored_and_said_so() -> None:
    """Programs of Windows write such BMP files (version 5), and show them as if they had no alpha channel."""
    pixels = np.dstack([picture(2), np.zeros((32, 32), np.uint8)])
    header = struct.pack("<IiiHHIIiiII", 124, 32, -32, 1, 32, 3, 4096, 2835, 2835, 0, 0)
    header += struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000) + b"BGRs" + bytes(124 - 60)
    bmp = b"BM" + struct.pack("<IHHI", 14 + 124 + 4096, 0, 0, 14 + 124) + header + pixels.tobytes()
    decoded = decode_image(bmp)
    assert np.array_equal(decoded.pixels, picture(2))
    assert decoded.notes == ("The picture would be invisible; its transparency is ignored.",)
    assert (decode_image(encoded(Image.fromarray(pixels, "RGBA"))).pixels == 255).all(), "in a PNG it is meant"


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_shows_its_first_frame(format: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in (RED, GREEN, BLUE)]
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
    decoded = decode_image(data)
    assert close(tuple(decoded.pixels[8, 8]), RED, 2)
    assert decoded.notes == ("Only the first frame is used.",)


def exif_with(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_6_is_turned_upright(format: str) -> None:
    options = {"quality": 95} if format in ("JPEG", "WEBP") else {}
    lying = Image.new("RGB", (64, 32))
    lying.paste(RED, (0, 0, 32, 32))  # the left half becomes the top after a clockwise quarter turn
    lying.paste(BLUE, (32, 0, 64, 32))
    pixels = decode_image(encoded(lying, format, exif=exif_with(6), **options), shrink_to=(20, 20)).pixels
    assert pixels.shape == (64, 32, 3)
    assert close(tuple(pixels[5, 16]), RED) and close(tuple(pixels[-5, 16]), BLUE)


def test_all_orientations() -> None:
    upright = quadrants()
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    for orientation, method in undo.items():
        stored = upright if method is None else upright.transpose(method)
        decoded = decode_image(encoded(stored, "PNG", exif=exif_with(orientation)))
        assert np.array_equal(decoded.pixels, np.asarray(upright)), orientation


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0garbage",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01",  # ends within its first entry
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x05abcde\0\0\0\0",  # the orientation is text
    ],
)
def test_garbage_in_icc_and_exif_is_accepted(exif: bytes) -> None:
    for format in ("JPEG", "PNG"):
        data = encoded(quadrants(), format, exif=exif, icc_profile=b"\0\1no profile at all" * 9)
        assert all(
            close(a, b, 30) for a, b in zip(corners(decode_image(data).pixels), [RED, GREEN, BLUE, WHITE], strict=True)
        )


def test_mpo_shows_its_first_picture() -> None:
    data = encoded(
        Image.new("RGB", (64, 48), RED), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48), BLUE)]
    )
    assert data.startswith(b"\xff\xd8")
    decoded = decode_image(data, shrink_to=(16, 16))
    assert close(tuple(decoded.pixels[5, 5]), RED) and "first frame" in decoded.notes[0]


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_numbers_without_a_known_range_are_refused(dtype: type) -> None:
    data = encoded(Image.fromarray(np.linspace(0, 1, 64).reshape(8, 8).astype(dtype)), "TIFF")
    assert refused(data).code == "unsupported_pixels"


def test_a_tiff_whose_header_lies_about_its_width_is_refused() -> None:
    data = encoded(picture(4), "TIFF")
    width_tag = struct.pack("<HHI", 256, 4, 1)
    assert width_tag in data
    lying = data.replace(width_tag + struct.pack("<I", 32), width_tag + struct.pack("<I", 30_000))
    assert refused(lying).code in ("truncated", "too_many_pixels")


@pytest.mark.parametrize("format", [*FORMATS, "MPO"])
def test_damaged_files_give_an_image_or_an_image_error_and_nothing_else(format: str) -> None:
    rng = np.random.default_rng(7)
    data = encoded(picture(5, 60, 40), format, exif=exif_with(6)) if format in ("JPEG", "PNG", "WEBP") else encoded(picture(5, 60, 40), format)  # fmt: skip
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(0, min(len(data), 400) if rng.random() < 0.5 else len(data), rng.integers(1, 6)):
            damaged[place] = rng.integers(0, 256)
        outcomes.add(outcome_of_image(bytes(damaged)))
    assert outcomes & {"truncated", "not_an_image"}


def test_encode_png_round_trip(tmp_path: Path) -> None:
    pixels = picture(6, 31, 17)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)


def test_enlarge_repeats_pixels() -> None:
    small = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    large = enlarge(small, 6)
    assert large.shape == (3, 6, 3) and (large[:, :3] == small[0, 0]).all() and (large[:, 3:] == small[0, 1]).all()
    assert enlarge(picture(1, 300, 300), 100).shape == (300, 300, 3)


def test_a_tiff_of_12_bits_keeps_its_brightness() -> None:
    """A TIFF file of eight white pixels. Pillow can read such files, but not write them."""
    entries = [(256, 4, 8), (257, 4, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, 1), (279, 4, 12)]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    tiff = b"II*\0" + struct.pack("<I", 20) + b"\xff" * 12 + struct.pack("<H", len(entries)) + directory + bytes(4)
    decoded = decode_image(tiff)
    assert decoded.notes == ("12-bit gray, shown with 8 bits.",)
    assert decoded.pixels.shape == (1, 8, 3) and (decoded.pixels == 255).all()


def test_a_tiff_of_16_bits_whose_white_is_zero_is_no_negative() -> None:
    def tiff(photometric: int) -> bytes:
        entries = [(256, 4, 2), (257, 4, 1), (258, 3, 16), (259, 3, 1), (262, 3, photometric), (273, 4, 8), (278, 4, 1), (279, 4, 4)]  # fmt: skip
        directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        pixels = struct.pack("<HH", 65535, 0)
        return b"II*\0" + struct.pack("<I", 12) + pixels + struct.pack("<H", len(entries)) + directory + bytes(4)

    assert decode_image(tiff(0)).pixels[0, :, 0].tolist() == [0, 255]
    assert decode_image(tiff(1)).pixels[0, :, 0].tolist() == [255, 0]
