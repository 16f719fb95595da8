"""Decodes image files into pixels, or raises an error with the reason."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from dashboard.core.errors import ImageError
from dashboard.core.images import jpeg_files
from dashboard.core.images.damage import check_png, ends_in_zeros, png_lacks_rows
from dashboard.core.images.file_size import check_size
from dashboard.core.images.other_files import AVIF_BRANDS, FIRST_BYTES, readable_kind, why_not_read
from dashboard.core.images.packages import needing
from dashboard.core.images.tiff_files import (
    BITS_PER_SAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    WHITE_IS_ZERO,
    mend,
    unread_kind,
    why_unknown,
)

FORMATS = (
    "PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF",
)  # fmt: skip  # else Pillow tries 43 formats, including EPS; JPEG covers MPO; HEIF follows where it is needed
SUFFIXES = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".hif",
})  # fmt: skip
MAX_PIXELS = 16_000_000
MAX_PROGRESSIVE_PIXELS = 4 * MAX_PIXELS  # libjpeg keeps all coefficients of a progressive JPEG in memory, at any scale
MAX_JPEG_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # beyond it, Pillow refuses any image before it looks at its pixels
MAX_PHOTO_PIXELS = 50_000_000  # of HEIC and AVIF: phones take 12, 24 or 48 megapixels, and there is no smaller decoding

KINDS = "PNG, JPEG, HEIC, AVIF, WebP, BMP, GIF, TIFF or PPM"
_ACCEPTED, _AGAIN = f"Use a {KINDS} file.", "Export or copy it again."
_ON_WHITE = "Transparent parts are shown on white."
_SMALL_GRAYS = {"L;2": 85, "L;4": 17}  # by which Pillow multiplies grays of 2 and 4 bits
_HEIF_LIMIT = "Security limit exceeded"  # what libheif says
_JPEG_BEGIN = b"\xff\xd8"
_TIFF_BEGINS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF
_PLAIN_PPM, _MAX_PLAIN_PPM_BYTES = (b"P1", b"P2", b"P3"), 8 * 2**20  # Pillow reads half a megabyte of digits a second
_DNG_VERSION, _SUBFILE_TYPE, _SUB_IFDS = 50706, 254, 330  # tags of raw files, whose first image is a small preview


@dataclass(frozen=True)
class DecodedImage:
    """The pixels of an image, and notes on how they were made from the file."""

    pixels: np.ndarray  # (H, W, 3) uint8 RGB, upright
    notes: tuple[str, ...] = ()
    whole: tuple[int, int] | None = None  # (width, height) of the picture in the file; None: that of the pixels
    file_size: int | None = None  # bytes; None if the image is not a file

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture in the file, in pixels."""
        return self.whole or (self.pixels.shape[1], self.pixels.shape[0])


def decode_image(data: bytes, shrink_to: tuple[int, int] | None = None) -> DecodedImage:
    """Decodes one image file.

    Applies the EXIF orientation, composites transparency on white, keeps the high byte of 16-bit gray, and takes the
    first frame of an animation and the main image of a HEIC.

    Args:
        shrink_to: sufficient (width, height). A JPEG is then decoded at 1/2, 1/4 or 1/8 scale, but smaller than this
            only if it has more than MAX_PIXELS otherwise.

    Raises:
        ImageError: with the code `empty`, `too_large`, `not_an_image`, `truncated`, `too_many_pixels` or
            `unsupported_pixels`.
    """
    if not data:
        raise ImageError("The file is empty.", _AGAIN, "empty")
    check_size(data)
    if data.startswith(_TIFF_BEGINS) and (raw := why_not_read(data)):
        raise raw  # Pillow would take the small preview in it for the image
    if data[:2] in _PLAIN_PPM and len(data) > _MAX_PLAIN_PPM_BYTES:
        raise ImageError(
            "The file is a large PPM written as text, which is slow to read.", "Save it binary.", "too_large"
        )
    formats: tuple[str, ...] = FORMATS
    if data[4:8] == b"ftyp" and data[8:12] not in AVIF_BRANDS:
        _learn_heif()
        formats += ("HEIF",)
    coarse = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bad metadata is no reason to refuse the pixels; the size is checked below
            if data.startswith(b"\x89PNG"):
                check_png(data)
            elif data.startswith(_JPEG_BEGIN):
                coarse = jpeg_files.lacks_scans(data)
            elif ends_in_zeros(data):
                raise ImageError(
                    "The image is cut off: its last part holds zeros only.", "Download or copy it again.", "truncated"
                )
            with Image.open(io.BytesIO(data), formats=formats) as image:
                return replace(_decode(image, data, shrink_to, coarse), file_size=len(data))
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise _too_many_pixels(most=_most_pixels(data)) from error
    except Exception as error:  # Pillow's decoders raise a dozen kinds of errors on damaged files
        reason = " ".join(str(error).split()).rstrip(".")
        if _HEIF_LIMIT in reason:
            raise _too_many_pixels(most=MAX_PHOTO_PIXELS) from error
        if known := _why_unread(data):
            raise known from error
        what = "cut off: its end is missing" if "truncated" in reason.lower() else f"damaged or cut off ({reason})"
        raise ImageError(f"The image is {what}.", _AGAIN, "truncated") from error


@lru_cache(maxsize=1)
def _learn_heif() -> None:
    """Teaches Pillow to read HEIC. Raises ImageError when pillow-heif is missing or broken."""
    with needing("pillow-heif", "HEIC images"):
        from pillow_heif import register_heif_opener  # most processes never see a HEIC
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _unidentified(data: bytes) -> ImageError:
    if known := why_not_read(data) or _why_unread(data):
        return known
    if kind := readable_kind(data[:FIRST_BYTES]):
        return ImageError(f"The {kind[0]} image is damaged or cut off.", _AGAIN, "truncated")
    return ImageError("The file is not an image of a known format.", _ACCEPTED, "not_an_image")


def _why_unread(data: bytes) -> ImageError | None:
    """The reason why an intact file of a known format is not read; None if there is none."""
    if data.startswith(_TIFF_BEGINS):
        return why_unknown(data)
    return jpeg_files.why_unread(data) if data.startswith(_JPEG_BEGIN) else None


def _most_pixels(data: bytes) -> int:
    """The most pixels of an image of this kind, if a JPEG is decoded at a small scale."""
    if data.startswith(_JPEG_BEGIN):
        return MAX_JPEG_PIXELS
    return MAX_PHOTO_PIXELS if data[4:8] == b"ftyp" else MAX_PIXELS


def _too_many_pixels(size: tuple[int, int] | None = None, most: int = MAX_PIXELS, of: str = "") -> ImageError:
    pixels = f"{size[0]:,} x {size[1]:,} pixels, " if size else ""
    limit = most // 1_000_000
    return ImageError(
        f"The image has {pixels}more than the {limit} megapixels{of} allowed.",
        "Reduce its width and height.",
        "too_many_pixels",
    )


def _decode(image: Image.Image, data: bytes, shrink_to: tuple[int, int] | None, coarse: bool) -> DecodedImage:
    notes = []
    whole = image.size
    if "progressive" in image.info and image.width * image.height > MAX_PROGRESSIVE_PIXELS:
        raise _too_many_pixels(image.size, MAX_PROGRESSIVE_PIXELS, " of a progressive JPEG")
    if shrink_to and image.format in ("JPEG", "MPO"):
        shrunk = next((s for s in (1, 2, 4) if math.ceil(whole[0] / s) * math.ceil(whole[1] / s) <= MAX_PIXELS), 8)
        # the EXIF orientation may swap the sides, so ask for the longer side in both directions
        side = min(max(shrink_to), max(1, min(whole) // shrunk))
        image.draft("RGB", (side, side))
    most = MAX_PHOTO_PIXELS if image.format in ("HEIF", "AVIF") else MAX_PIXELS
    if image.width * image.height > most:
        raise _too_many_pixels(whole, most)
    if image.format == "TIFF" and _is_preview(image):
        raise ImageError(
            "The file is a camera's raw file, in which only a small preview is an image.",
            "Export it as JPEG or TIFF with your camera's program, darktable or RawTherapee.", "not_an_image",
        )  # fmt: skip
    if _has_more_frames(image):
        if image.format == "HEIF":  # it is at the image that viewers show, which may not be the first
            notes.append("Only the main image is used.")
        else:
            notes.append("Only the first frame is used.")
            image.seek(0)
    if isinstance(image, TiffImageFile):
        mend(image)
    _scale_transparency(image)
    bits = _bits_of_a_colour(image)
    if image.format in ("JPEG", "MPO"):
        image, told = jpeg_files.load(image, data)
        notes += told
    else:
        image.load()
        whole = image.size  # only a JPEG is decoded smaller than it is
    if image.width * image.height > most:  # a HEIC may be larger than it says
        raise _too_many_pixels(image.size, most)
    if coarse:
        notes.append("The JPEG holds only a coarse picture: the last of its scans were left out.")
    if image.format == "PNG" and png_lacks_rows(data, image):
        raise ImageError("The image is cut off: its last rows are missing.", "Export or copy it again.", "truncated")
    if _lies_on_its_side(image):
        whole = whole[::-1]
    upright = _upright(image)
    if upright.width * upright.height > MAX_PIXELS:
        upright = upright.reduce(math.ceil(math.sqrt(upright.width * upright.height / MAX_PIXELS)))
    if upright.mode == "I" and image.format == "PPM":  # from 0 to 65535, whatever the file's own maximum
        notes.append("16-bit gray, shown with 8 bits.")
        upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.mode in ("F", "I"):
        if isinstance(image, TiffImageFile):
            raise unread_kind(image.tag_v2)
        raise ImageError(
            "The pixels are 32-bit numbers without a known range.",
            "Save the image with 8 bits per channel.",
            "unsupported_pixels",
        )
    if upright.mode.startswith("I;16"):
        bits = int(getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))[0])  # a TIFF may use fewer than 16
        notes.append(f"{bits}-bit gray, shown with 8 bits.")
        values = np.asarray(upright).astype(np.uint16)
        gray = (values >> (bits - 8)).astype(np.uint8)
        if 0 < values.max() < 2 ** (bits - 3):  # of 12 bits in 16, or of a microscope
            notes.append(f"The picture is dark: its largest value is {values.max():,} of {2**bits - 1:,}.")
        if getattr(image, "tag_v2", {}).get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
            gray = 255 - gray  # Pillow inverts 8-bit images only
        if "transparency" in upright.info:
            notes.append(_ON_WHITE)
            gray[np.asarray(upright) == upright.info["transparency"]] = 255
        return DecodedImage(np.repeat(gray[..., None], 3, axis=2), tuple(notes), whole)
    if bits > 8 and upright.mode != "L":
        notes.append(f"{bits}-bit colours, shown with 8 bits.")
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        alpha = np.asarray(rgba.getchannel("A"))
        if image.format == "BMP" and not alpha.any():  # many programs of Windows leave it at 0
            notes.append("The picture would be invisible; its transparency is ignored.")
            rgba.putalpha(255)
        elif alpha.min() < 255:
            notes.append(_ON_WHITE)
        upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return DecodedImage(np.array(upright if upright.mode == "RGB" else upright.convert("RGB")), tuple(notes), whole)


def _bits_of_a_colour(image: Image.Image) -> int:
    """Bits of a channel in the file, before it is loaded; Pillow keeps the highest 8 of those of colour images."""
    with contextlib.suppress(Exception):  # it is only for a note
        if image.format == "TIFF":
            return max(image.tag_v2.get(BITS_PER_SAMPLE, (8,)))  # type: ignore[attr-defined]
        if image.format == "HEIF":
            return int(image.info.get("bit_depth", 8))
        how = getattr(image, "tile")[0].args  # noqa: B009  # such as "RGB;16B", or of a PPM ("RGB", 65535)
        if image.format == "PPM" and isinstance(how, tuple):
            return int(how[1]).bit_length()
        return 16 if ";16B" in str(how) or ";16N" in str(how) else 8  # BGR;16 of a BMP is 16 bits of a pixel
    return 8


def _has_more_frames(image: Image.Image) -> bool:
    if isinstance(image, TiffImageFile):  # counting them takes half a minute for hundreds of thousands
        return bool(image.tag_v2.next)
    return bool(getattr(image, "is_animated", False)) if image.format == "GIF" else getattr(image, "n_frames", 1) > 1


def _scale_transparency(image: Image.Image) -> None:
    """Brings the transparent gray or colour of a PNG to 8 bits, as Pillow does with the pixels."""
    one = image.info.get("transparency")
    kind = str(image.tile[0].args) if isinstance(image, PngImageFile) and image.tile else ""
    if isinstance(one, int) and kind in _SMALL_GRAYS:
        image.info["transparency"] = one * _SMALL_GRAYS[kind]
    if isinstance(one, tuple) and kind == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in one)


def _is_preview(image: Image.Image) -> bool:
    """True for the first image of a DNG, NEF or similar raw file."""
    tags = getattr(image, "tag_v2", {})
    return _DNG_VERSION in tags or (bool(tags.get(_SUBFILE_TYPE, 0) & 1) and _SUB_IFDS in tags)


def _lies_on_its_side(image: Image.Image) -> bool:
    with contextlib.suppress(Exception):  # see `_upright`
        return image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return False


def _upright(image: Image.Image) -> Image.Image:
    with contextlib.suppress(Exception):  # damaged EXIF data says nothing about the orientation
        ImageOps.exif_transpose(image, in_place=True)
    return image
