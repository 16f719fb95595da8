"""What a file that is not read as an image really is."""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from dashboard.core.errors import ImageError
from dashboard.core.images.decoding import FORMATS, decode_image
from dashboard.core.images.other_files import FIRST_BYTES, is_picture_suffix, readable_kind, why_not_read
from tests.conftest import encoded, picture

pillow_heif.register_heif_opener()  # to write such files


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode_image(data)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize(
    "data, what",
    [
        (encoded(picture(1), "JPEG2000"), "a JPEG 2000 image"),
        (encoded(picture(1), "ICO"), "an icon (ICO)"),
        (b"8BPS\0\1" + bytes(90), "a Photoshop file"),
        (b"\xff\x0a" + bytes(90), "a JPEG XL image"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(90), "raw file (CR2)"),
        (b"\0\0\0\x18ftypcrx " + bytes(90), "raw file (CR3)"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(90), "raw file"),
        (bytes(128) + b"DICM\2\0\0\0UL" + bytes(90), "a DICOM file"),
        (b"%PDF-1.7\n" + bytes(90), "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript drawing"),
        (b"PK\3\4" + bytes(90), "a ZIP archive"),
        (b"\x1f\x8b\x08" + bytes(90), "compressed with gzip"),
        (b"\0\0\0\x20ftypisom" + bytes(90), "a film"),
        (b"RIFF\x24\0\0\0AVI LIST" + bytes(90), "a film"),
        (b"\x93NUMPY\1\0" + bytes(90), "a NumPy array"),
        (b"\0\5\x16\7" + bytes(90), "AppleDouble"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "Git LFS"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "a drawing (SVG)"),
        (b"<svg/>", "a drawing (SVG)"),
        (b"\n<!DOCTYPE html>\n<html><head><title>404</title>", "a web page (HTML)"),
        ("<html><body>nicht gefunden: für".encode(), "a web page (HTML)"),
        (b'{"error": "not found"}', "JSON or XML"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "JSON or XML"),
        (b"file,label\na.png,cat\n", "text, not an image"),
        ("käse".encode("utf-16"), "text, not an image"),
        (bytes(5000), "zeros only"),
    ],
)
def test_the_true_reason_is_told(data: bytes, what: str) -> None:
    error = refused(data)
    assert what in error.message and error.code == "not_an_image"


def test_what_is_nothing_known_is_said_to_be_that() -> None:
    data = b"\xfe" + np.random.default_rng(1).bytes(300)
    assert "known format" in refused(data).message


@pytest.mark.parametrize("format", ("JPEG2000", "ICO"))
def test_pillow_converts_what_it_is_said_to_convert(format: str) -> None:
    data, exported = encoded(Image.fromarray(picture(1, 64, 64)), format), io.BytesIO()
    assert refused(data).fix.endswith("or with Pillow.")
    Image.open(io.BytesIO(data)).convert("RGB").save(exported, "PNG")
    assert decode_image(exported.getvalue()).pixels.shape == (64, 64, 3)


@pytest.mark.parametrize("suffix", (".jp2", ".jxl", ".dcm", ".pdf", ".svg", ".mp4", ".tga"))
def test_the_way_out_names_no_file_that_is_not_the_readers(suffix: str) -> None:
    told = why_not_read(np.random.default_rng(1).bytes(300), suffix)
    assert told and told.fix and not re.search(r"`|\ba\.\w", told.fix) and ";" not in str(told)


@pytest.mark.parametrize("format", [*FORMATS, "HEIF"])
def test_images_that_are_read_are_recognised(format: str) -> None:
    special = {
        "HEIF": ("HEIC", ".heic"), "WEBP": ("WebP", ".webp"), "JPEG": ("JPEG", ".jpg"), "TIFF": ("TIFF", ".tif"),
    }  # fmt: skip
    name, suffix = special.get(format, (format, f".{format.lower()}"))
    data = encoded(picture(1, 64, 64), format)
    assert readable_kind(data[:FIRST_BYTES]) == (name, suffix) and why_not_read(data) is None


def test_text_that_begins_like_an_image_is_none() -> None:
    for text in (b"P1 is the first of our pupils", b"BM is short for Bachelor of Music", b"GIF", b"", b"MM and II"):
        assert readable_kind(text) is None


def test_a_name_tells_where_the_first_bytes_do_not() -> None:
    data = np.random.default_rng(1).bytes(300)
    assert why_not_read(data) is None
    told = why_not_read(data, ".nef")
    assert told and "named like a camera's raw file" in told.message
    assert is_picture_suffix(".nef") and not is_picture_suffix(".txt") and not is_picture_suffix("")


def test_a_zip_whose_name_is_the_one_of_an_image_is_no_image() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", encoded(picture(1)))
    assert "a ZIP archive" in refused(buffer.getvalue()).message


def test_what_to_do_with_an_archive_is_said_for_one_picture_and_for_a_dataset() -> None:
    assert refused(b"PK\3\4" + bytes(90)).fix == (
        "Use the pictures in it: unpack it, or save them from the document as PNG or JPEG."
    )
