"""Image files of every accepted format."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dashboard.core.images.decoding import _learn_heif, decode_image
from tests.fuzz.parser import Content, Parser, digest
from tests.fuzz.structured import png_chunks


def picture(mode: str = "RGB", size: tuple[int, int] = (24, 16), seed: int = 0) -> Image.Image:
    """A smooth picture with some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    pixels = np.stack([9 * x, 13 * y, 5 * (x + y)], -1) + rng.integers(0, 30, (*x.shape, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """An image file."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _read(data: bytes, folder: Path) -> Content:
    found = digest(decode_image(data).pixels.tobytes())
    decode_image(data, shrink_to=(4, 4))
    return frozenset({found})


def _png() -> list[bytes]:
    gray = Image.fromarray(np.arange(384, dtype=np.uint16).reshape(16, 24) * 170)
    frames = {"save_all": True, "append_images": [picture(seed=2)]}
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        *(encoded(picture(mode), "PNG") for mode in ("RGB", "RGBA", "P", "L", "LA", "1")),
        encoded(gray, "PNG"), encoded(picture(), "PNG", **frames), encoded(picture(), "PNG", exif=exif, dpi=(72, 72)),
        encoded(picture("P"), "PNG", transparency=3), encoded(picture(), "PNG", icc_profile=b"\0" * 200),
    ]  # fmt: skip


def _jpeg() -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 8
    return [
        encoded(picture(), "JPEG"), encoded(picture("L"), "JPEG"), encoded(picture("CMYK"), "JPEG"),
        encoded(picture(), "JPEG", progressive=True, exif=exif), encoded(picture(), "JPEG", restart_marker_rows=1),
        encoded(picture(), "MPO", save_all=True, append_images=[picture(seed=1)]),
    ]  # fmt: skip


def _tiff() -> list[bytes]:
    methods = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd")
    gray = Image.fromarray(np.arange(384, dtype=np.uint16).reshape(16, 24) * 170)
    return [
        *(encoded(picture(), "TIFF", compression=method) for method in methods), encoded(gray, "TIFF"),
        encoded(picture("1"), "TIFF", compression="group4"), encoded(picture("P"), "TIFF"),
        encoded(picture("CMYK"), "TIFF"), encoded(picture("RGBA"), "TIFF"),
        encoded(picture(), "TIFF", save_all=True, append_images=[picture(seed=1)]),
    ]  # fmt: skip


def _gif() -> list[bytes]:
    frames = [picture(seed=i) for i in range(3)]
    return [
        encoded(picture("P"), "GIF"), encoded(picture("P"), "GIF", interlace=0, transparency=1, comment=b"a comment"),
        encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], loop=0),
    ]  # fmt: skip


def _webp() -> list[bytes]:
    frames = {"save_all": True, "append_images": [picture(seed=1)]}
    return [
        encoded(picture(), "WEBP"), encoded(picture("RGBA"), "WEBP", lossless=True),
        encoded(picture(), "WEBP", **frames), encoded(picture(), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
    ]  # fmt: skip


def _ppm() -> list[bytes]:
    plain = b"P3 # a comment\n4 2\n255\n" + b" ".join(str(9 * i).encode() for i in range(24)) + b"\n"
    wide = b"P6 4 2 65535\n" + bytes(range(48))
    return [*(encoded(picture(mode), "PPM") for mode in ("RGB", "L", "1")), plain, wide, b"P1 3 2 101 010\n"]


def _heif() -> list[bytes]:
    _learn_heif()
    return [encoded(picture(), "HEIF"), encoded(picture("RGBA"), "HEIF", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")]


def _avif() -> list[bytes]:
    return [encoded(picture(), "AVIF", speed=10), encoded(picture("RGBA"), "AVIF", speed=10)]


def _bmp() -> list[bytes]:
    return [encoded(picture(mode), "BMP") for mode in ("RGB", "RGBA", "P", "L", "1")]


def _all_but_signature(seed: bytes) -> tuple[int, int]:
    return 8, len(seed)


PARSERS: Sequence[Parser] = (
    Parser("png", _png, _read, (png_chunks, png_chunks), covered=_all_but_signature),
    Parser("jpeg", _jpeg, _read),
    Parser("gif", _gif, _read),
    Parser("tiff", _tiff, _read),
    Parser("webp", _webp, _read),
    Parser("bmp", _bmp, _read),
    Parser("ppm", _ppm, _read),
    Parser("avif", _avif, _read),
    Parser("heif", _heif, _read),
)
