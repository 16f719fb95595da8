"""HEIC, AVIF and PPM."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time

import numpy as np
import pillow_heif
import pytest
from PIL import Image, TiffImagePlugin

from dashboard.core.errors import ImageError
from dashboard.core.images import decoding
from dashboard.core.images.decoding import SUFFIXES, decode_image
from tests.conftest import ROOT, encoded, picture
from tests.core.damage import outcome_of_image
from tests.core.images.test_decoding import BLUE, GREEN, RED, WHITE, close, corners, quadrants

pillow_heif.register_heif_opener()  # to write such files

BOTH = pytest.mark.parametrize("format", ["HEIF", "AVIF"])


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode_image(data)
    return caught.value


def with_orientation(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def looks_like(pixels: np.ndarray, *colors: tuple[int, ...]) -> bool:
    return all(close(found, wanted, 25) for found, wanted in zip(corners(pixels), colors, strict=True))


@BOTH
def test_the_pixels_are_read(format: str) -> None:
    decoded = decode_image(encoded(quadrants(64), format, quality=95))
    assert decoded.pixels.shape == (64, 64, 3) and decoded.pixels.dtype == np.uint8 and decoded.notes == ()
    assert looks_like(decoded.pixels, RED, GREEN, BLUE, WHITE)


@BOTH
def test_the_picture_is_upright(format: str) -> None:
    wide = quadrants(64).crop((0, 0, 64, 48))
    decoded = decode_image(encoded(wide, format, quality=95, exif=with_orientation(6)))
    assert decoded.pixels.shape == (64, 48, 3) and looks_like(decoded.pixels, BLUE, RED, WHITE, GREEN)


@BOTH
def test_of_several_images_the_main_one_is_read_and_told(format: str) -> None:
    others = [Image.new("RGB", (64, 64), "white")]
    decoded = decode_image(encoded(quadrants(64), format, quality=95, save_all=True, append_images=others))
    assert looks_like(decoded.pixels, RED, GREEN, BLUE, WHITE)
    assert decoded.notes == (("Only the main image is used." if format == "HEIF" else "Only the first frame is used."),)


def test_the_main_image_of_a_heic_need_not_be_the_first() -> None:
    first = Image.new("RGB", (64, 64), "black")
    data = encoded(first, "HEIF", quality=95, save_all=True, append_images=[quadrants(64)], primary_index=1)
    assert looks_like(decode_image(data).pixels, RED, GREEN, BLUE, WHITE)


@BOTH
def test_transparency_is_put_on_white(format: str) -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (32, 0, 64, 64))
    decoded = decode_image(encoded(image, format))
    assert looks_like(decoded.pixels, WHITE, RED, WHITE, RED) and "on white" in decoded.notes[0]


@BOTH
def test_the_name_of_the_container_may_be_the_general_one(format: str) -> None:
    data = bytearray(encoded(quadrants(64), format, quality=95))
    assert data[4:8] == b"ftyp"
    data[8:12] = b"mif1"
    assert looks_like(decode_image(bytes(data)).pixels, RED, GREEN, BLUE, WHITE)


@BOTH
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file_says_so(format: str, share: float) -> None:
    data = encoded(picture(1, 200, 200), format)
    error = refused(data[: int(share * len(data))])
    assert error.code == "truncated" and "cut off" in error.message and "\n" not in error.message


def test_damaged_heics_give_an_image_or_an_image_error_and_nothing_else() -> None:
    rng = np.random.default_rng(7)
    data = encoded(picture(5, 60, 40), "HEIF")
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 6)):
            damaged[place] = rng.integers(0, 256)
        outcomes.add(outcome_of_image(bytes(damaged)))
    assert "truncated" in outcomes


def lying_about_its_size(data: bytes, width: int, height: int) -> bytes:
    place = data.index(b"ispe") + 8  # ISO/IEC 23008-12, section 6.5.3: version and flags, width, height
    return data[:place] + struct.pack(">II", width, height) + data[place + 8 :]


def test_a_heic_that_says_it_is_huge_is_refused_at_once() -> None:
    data = encoded(picture(1, 64, 64), "HEIF")
    start = time.process_time()
    for side in (8_000, 50_000):
        assert refused(lying_about_its_size(data, side, side)).code == "too_many_pixels"
    assert time.process_time() - start < 1


@BOTH
def test_what_phones_take_is_read_and_reduced_to_the_usual_limit(format: str) -> None:
    large = quadrants(64).resize((5712, 4284), Image.Resampling.NEAREST)  # 24 megapixels
    options = {"enc_params": {"preset": "ultrafast"}} if format == "HEIF" else {"speed": 10}
    data = encoded(large, format, quality=50, **options)
    pixels = decode_image(data).pixels
    assert pixels.shape == (2142, 2856, 3) and looks_like(pixels, RED, GREEN, BLUE, WHITE)


def test_a_heic_that_is_larger_than_it_says_is_refused() -> None:
    data = encoded(picture(1, 640, 640), "HEIF")
    assert refused(lying_about_its_size(data, 64, 64)).code in ("truncated", "too_many_pixels")


def test_a_process_that_sees_no_heic_does_without_its_reader() -> None:
    program = (
        "import sys\n"
        "from dashboard.core.images.decoding import decode_image\n"
        "decode_image(sys.stdin.buffer.read())\n"
        "print('pillow_heif' in sys.modules)"
    )
    for data, loaded in ((encoded(picture(1)), b"False"), (encoded(picture(1), "HEIF"), b"True")):
        done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True, cwd=ROOT)
        assert done.stdout.strip() == loaded


def test_without_its_reader_a_heic_says_what_to_install_and_an_avif_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    decoding._learn_heif.cache_clear()
    error = refused(encoded(quadrants(64), "HEIF"))
    assert error.code == "dependency_broken" and "pip install" in error.fix
    assert decode_image(encoded(quadrants(64), "AVIF")).pixels.shape == (64, 64, 3)


def test_their_suffixes_are_those_of_images() -> None:
    assert {".heic", ".heif", ".hif", ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".jpe", ".jfif"} <= SUFFIXES


@pytest.mark.parametrize(
    "data, gray",
    [
        (b"P6 2 1 255\n" + bytes([7, 7, 7, 200, 200, 200]), [7, 200]),
        (b"P5\n# a comment\n2 1\n255\n" + bytes([7, 200]), [7, 200]),
        (b"P5 2 1 65535\n" + struct.pack(">HH", 7 * 256 + 5, 200 * 256), [7, 200]),
        (b"P5 2 1 4095\n" + struct.pack(">HH", 0, 4095), [0, 255]),
        (b"P4 2 1\n\x40", [255, 0]),
        (b"P2 2 1 255\n7 200\n", [7, 200]),
    ],
    ids=["colour", "gray", "16 bits", "12 bits", "1 bit", "text"],
)
def test_ppm(data: bytes, gray: list[int]) -> None:
    assert decode_image(data).pixels.tolist() == [[[value] * 3 for value in gray]]


def test_16_bits_of_a_pgm_are_told() -> None:
    assert decode_image(b"P5 1 1 65535\n\1\1").notes == ("16-bit gray, shown with 8 bits.",)


def test_a_ppm_that_is_written_as_text_is_refused_before_it_takes_long() -> None:
    start = time.process_time()
    error = refused(b"P3 3000 3000 255\n" + b"0 " * 9_000_000)
    assert error.code == "too_large" and "text" in error.message and time.process_time() - start < 1


def test_ppms_that_lie_or_are_cut_off() -> None:
    assert refused(b"P6 50000 50000 255\n" + bytes(100)).code == "too_many_pixels"
    assert refused(b"P6 40 40 255\n" + bytes(100)).code == "truncated"


def test_a_raw_file_that_begins_like_a_tiff_is_not_its_preview() -> None:
    preview = Image.new("RGB", (16, 12), "red")
    for tags in ({50706: bytes([1, 4, 0, 0])}, {254: 1, 330: 8}):
        buffer = io.BytesIO()
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in tags.items():
            directory[tag] = value
        preview.save(buffer, "TIFF", tiffinfo=directory)
        assert "raw file" in refused(buffer.getvalue()).message
    assert decode_image(encoded(preview, "TIFF")).pixels.shape == (12, 16, 3)
