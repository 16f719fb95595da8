"""TIFF files that Pillow reads wrongly, or refuses without telling why. The numbers of tags are those of TIFF 6.0."""

from __future__ import annotations

import io
import math

from PIL import ImagePalette
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from dashboard.core.errors import ImageError

BITS_PER_SAMPLE, PHOTOMETRIC_INTERPRETATION, WHITE_IS_ZERO = 258, 262, 0
_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _ROWS_PER_STRIP, _PLANAR = 256, 257, 259, 277, 278, 284
_FILL_ORDER = 266
_STRIP_OFFSETS, _COLOR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS = 273, 320, 322, 323, 324
_SAMPLE_FORMAT, _SUBSAMPLING = 339, 530
_UNCOMPRESSED, _OLD_JPEG, _SEPARATE, _YCBCR, _SIGNED = 1, 6, 2, 6, 2
_NUMBERS = {_SIGNED: "signed ", 3: "floating-point ", 5: "complex ", 6: "complex "}
_COLOURS = {
    WHITE_IS_ZERO: "gray whose 0 is white", 1: "gray", 2: "RGB", 3: "colours of a palette", 4: "a mask", 5: "CMYK",
    _YCBCR: "YCbCr", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "unprocessed values of a camera's sensor",
}  # fmt: skip
_UNKNOWN_KIND = ("unknown pixel mode", "unknown data organization")  # what Pillow says


def mend(image: TiffImageFile) -> None:
    """Corrects how Pillow is going to read the pixels. To be called before they are loaded.

    Raises:
        ImageError: `unsupported_pixels` if it would read wrong pixels, `truncated` if parts of the picture are missing.
    """
    tags = image.tag_v2
    if _missing_parts(tags):
        raise ImageError(
            "The image is cut off: parts of its pixels are missing.", "Export or copy it again.", "truncated"
        )
    raw = tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED
    subsampled = tags.get(PHOTOMETRIC_INTERPRETATION) == _YCBCR and tags.get(_SUBSAMPLING, (2, 2)) != (1, 1)
    if (raw and subsampled) or (image.mode == "L" and tags.get(_SAMPLE_FORMAT, (1,))[0] == _SIGNED):
        raise unread_kind(tags)
    if raw and tags.get(_PLANAR) == _SEPARATE:
        _mend_separate_colours(image)
    if image.mode == "P" and max(tags[_COLOR_MAP]) < 256:  # written with 8 bits instead of 16, as libtiff takes it too
        image.palette = ImagePalette.raw("RGB;L", bytes(tags[_COLOR_MAP]))


def _mend_separate_colours(image: TiffImageFile) -> None:
    """Of the name of the kind of pixels, such as RGB;16L, Pillow takes one letter for each colour, and no more."""
    tags = image.tag_v2
    bits = tags.get(BITS_PER_SAMPLE, (1,))[0]
    inverted = tags.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO
    plain = bits in (1, 8) and not inverted and tags.get(_FILL_ORDER, 1) == 1
    if (bits == 16 and image.mode == "CMYK") or (bits != 16 and tags.get(_SAMPLES, 1) == 1 and not plain):
        raise unread_kind(tags)
    if bits == 16:
        little = ";16" if image.mode == "I;16" else ";16L"
        end = little if tags.prefix == b"II" else ";16B"
        image.tile = [
            part._replace(args=(part.args[0] + end, *part.args[1:]))
            for part in image.tile
            if isinstance(part.args, tuple)
        ]


def why_unknown(data: bytes) -> ImageError | None:
    """The reason why Pillow does not know the kind of pixels of this file; None if it does, or the file is damaged."""
    try:
        TiffImageFile(io.BytesIO(data))
    except SyntaxError as error:
        if str(error) in _UNKNOWN_KIND:
            return _kind_of(data)
    except Exception:  # a damaged file
        return None
    return None


def _kind_of(data: bytes) -> ImageError | None:
    tags = ImageFileDirectory_v2(data[: 16 if data[2:3] == b"+" or data[3:4] == b"+" else 8])
    stream = io.BytesIO(data)
    stream.seek(tags.next)
    try:
        tags.load(stream)
        return unread_kind(tags)
    except Exception:  # a damaged file
        return None


def unread_kind(tags: ImageFileDirectory_v2) -> ImageError:
    """The error that says what kind of pixels these tags tell of."""
    bits, colours = max(tags.get(BITS_PER_SAMPLE, (1,))), tags.get(PHOTOMETRIC_INTERPRETATION, -1)
    numbers = _NUMBERS.get(tags.get(_SAMPLE_FORMAT, (1,))[0], "")
    channels = tags.get(_SAMPLES, 1)
    what = f"{bits}-bit {numbers}{_COLOURS.get(colours, f'colours of kind {colours}')}"
    if channels > 1:
        what += f" in {channels} channels"
    if tags.get(_PLANAR) == _SEPARATE:
        what += ", each in a plane of its own"
    if tags.prefix == b"MM":
        what += ", big-endian"
    return ImageError(
        f"The pixels are of a kind that is not read: {what}.",
        "Save the image as RGB or gray with 8 bits per channel.", "unsupported_pixels",
    )  # fmt: skip


def _missing_parts(tags: ImageFileDirectory_v2) -> bool:
    """True if the file has fewer strips or tiles than the picture needs. Pillow leaves the rest black."""
    if tags.get(_COMPRESSION) == _OLD_JPEG:  # whose strips are often described wrongly
        return False
    width, height = tags[_WIDTH], tags[_HEIGHT]
    if _STRIP_OFFSETS in tags:
        needed, found = math.ceil(height / min(height, tags.get(_ROWS_PER_STRIP, height))), tags[_STRIP_OFFSETS]
    else:
        needed = math.ceil(width / tags[_TILE_WIDTH]) * math.ceil(height / tags[_TILE_HEIGHT])
        found = tags[_TILE_OFFSETS]
    planes = tags.get(_SAMPLES, 1) if tags.get(_PLANAR) == _SEPARATE else 1
    return len(found) < needed * planes
