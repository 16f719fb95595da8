"""Tells what a file that is not read as an image really is, by its first bytes, and what to do with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dashboard.core.errors import ImageError

FIRST_BYTES = 4096  # enough to tell
_EXPORT = "Export it as PNG or JPEG"
_CAMERA = f"{_EXPORT} with your camera's program, darktable or RawTherapee."
_RAW = ".dng .nef .nrw .arw .sr2 .srf .orf .rw2 .raf .pef .srw .x3f .raw .crw .3fr .iiq .mrw .erf .kdc .dcr .rwl .mef"
_DRAWING = f"{_EXPORT} in a drawing program or with rsvg-convert, in the size that you want."
_GIT_LFS = "In the repository that it comes from, run git lfs pull, and copy it again."
_MOVIE = "Save the frames that you want as images, for example with ffmpeg."
_LFS_BEGINS = b"version https://git-lfs.github.com/spec/"
_PACKED = "Use the pictures in it: unpack it, or save them from the document as PNG or JPEG."


@dataclass(frozen=True)
class _Kind:
    """A kind of file."""

    what: str  # follows "The file is"
    fix: str
    begins: tuple[bytes, ...]
    at: int = 0  # where these bytes are
    suffixes: str = ""  # of its files, separated by spaces; only of pictures


def _converted(what: str, suffixes: str, *begins: bytes) -> _Kind:
    return _Kind(what, f"{_EXPORT} in an image editor such as GIMP, or with Pillow.", begins, suffixes=suffixes)


_KINDS = (
    _converted("a JPEG 2000 image", ".jp2 .j2k .jpx .jpf .jpc", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    _converted("an icon (ICO)", ".ico .cur", b"\0\0\1\0"),
    _converted("an Apple icon (ICNS)", ".icns", b"icns"),
    _converted("a Photoshop file", ".psd .psb", b"8BPS"),
    _converted("a DDS texture", ".dds", b"DDS "),
    _Kind("a JPEG XL image", f"{_EXPORT} in an image viewer or with djxl of libjxl.",
          (b"\xff\x0a", b"\0\0\0\x0cJXL "), suffixes=".jxl"),
    _Kind("a camera's raw file (CR2)", _CAMERA, (b"CR\2",), 8, ".cr2"),
    _Kind("a camera's raw file (CR3)", _CAMERA, (b"ftypcrx ",), 4, ".cr3"),
    _Kind("a camera's raw file", _CAMERA,
          (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"\0MRM", b"FOVb", b"HEAPCCDR"), suffixes=_RAW),
    _Kind("a DICOM file", f"{_EXPORT} with your DICOM viewer or with dcmj2pnm of DCMTK, with the window that "
          "shows what matters.", (b"DICM",), 128, ".dcm .dicom"),
    _Kind("a NIfTI volume", "Save the slices that you want as PNG files.", (b"n+1\0", b"ni1\0"), 344, ".nii"),
    _Kind("an OpenEXR image, whose numbers have no known range", f"{_EXPORT}, with 8 bits per channel.",
          (b"\x76\x2f\x31\x01",), suffixes=".exr"),
    _Kind("a Radiance HDR image, whose numbers have no known range", f"{_EXPORT}, with 8 bits per channel.",
          (b"#?RADIANCE", b"#?RGBE"), suffixes=".hdr"),
    _Kind("a FITS file, whose numbers have no known range", f"{_EXPORT}, with 8 bits per channel.", (b"SIMPLE  =",),
          suffixes=".fits .fit"),
    _Kind("a GIMP file (XCF)", f"{_EXPORT} in GIMP.", (b"gimp xcf",), suffixes=".xcf"),
    _Kind("a PDF document", "Export its pages as PNG or JPEG, in a PDF viewer or with pdftoppm.", (b"%PDF",),
          suffixes=".pdf"),
    _Kind("a PostScript drawing (EPS)", f"{_EXPORT} in a drawing program.", (b"%!PS", b"\xc5\xd0\xd3\xc6"),
          suffixes=".eps .ps .ai"),
    _Kind("a Windows metafile (a drawing)", f"{_EXPORT} in a drawing program.", (b"\xd7\xcd\xc6\x9a",),
          suffixes=".wmf .emf"),
    _converted("a Targa image", ".tga"),
    _Kind("a drawing (SVG), which has no pixels", _DRAWING, (), suffixes=".svg .svgz"),
    _Kind("a ZIP archive or an office document", _PACKED, (b"PK\3\4",)),
    _Kind("a RAR archive", _PACKED, (b"Rar!",)),
    _Kind("a 7-Zip archive", _PACKED, (b"7z\xbc\xaf\x27\x1c",)),
    _Kind("compressed with gzip", "Unpack it with gunzip or 7-Zip.", (b"\x1f\x8b",)),
    _Kind("a tar archive", _PACKED, (b"ustar",), 257),
    _Kind("a NumPy array", "Save its pictures as PNG files. An array of many pictures is itself a dataset for Batch evaluation.", (b"\x93NUMPY",)),
    _Kind("an HDF5 file", "Save its pictures as PNG files.", (b"\x89HDF\r\n\x1a\n",)),
    _Kind("a film", _MOVIE, suffixes=".mp4 .mov .avi .mkv .webm .m4v", begins=(b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3")),
    _Kind("a film", _MOVIE, (b"AVI ",), 8),
    _Kind("a film", _MOVIE, (b"ftypisom", b"ftypiso2", b"ftypmp4", b"ftypqt  ", b"ftypM4V", b"ftypavc1", b"ftyp3gp"), 4),
    _Kind("a sound", "Choose an image instead; a dataset goes without this file.", (b"ID3", b"OggS", b"fLaC")),
    _Kind("what macOS keeps beside a file (AppleDouble)", "Copy the file whose name is the same without ._ at its beginning.",
          (b"\0\5\x16\7",)),
    _Kind("a pointer of Git LFS: the file itself was not fetched", _GIT_LFS, (_LFS_BEGINS,)),
)  # fmt: skip
RAW_SUFFIXES = frozenset(_RAW.split())  # many of these files begin like a TIFF
_SVG = re.compile(rb"<svg[\s/>]", re.IGNORECASE)
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|title|script|meta)[\s>]", re.IGNORECASE)
_READ = (
    (b"\x89PNG\r\n\x1a\n", "PNG", ".png"), (b"\xff\xd8\xff", "JPEG", ".jpg"), (b"GIF87a", "GIF", ".gif"),
    (b"GIF89a", "GIF", ".gif"), (b"II*\0", "TIFF", ".tif"), (b"MM\0*", "TIFF", ".tif"),
    (b"II+\0", "TIFF", ".tif"), (b"MM\0+", "TIFF", ".tif"),
)  # fmt: skip
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # sizes of the second header
_BEGINS = (*(begin for begin, _, _ in _READ), b"RIFF", b"BM", b"P")  # or ftyp at 4, see `readable_kind`
_PPM = re.compile(rb"P[1-6]\s+(#[^\n]*\s+)*\d+\s")


def readable_kind(head: bytes) -> tuple[str, str] | None:
    """The kind of an image that is read here and the suffix it should have; None for other files.

    Args:
        head: the first FIRST_BYTES of the file, or all of it.
    """
    if not (head.startswith(_BEGINS) or head[4:8] == b"ftyp") or _other_kind(head):
        return None
    if known := next(((name, suffix) for begin, name, suffix in _READ if head.startswith(begin)), None):
        return known
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP", ".webp"
    if head[4:8] == b"ftyp" and head[8:12] in AVIF_BRANDS:
        return "AVIF", ".avif"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return ("AVIF", ".avif") if b"avif" in head[12 : int.from_bytes(head[:4], "big")] else ("HEIC", ".heic")
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP", ".bmp"
    return ("PPM", ".ppm") if _PPM.match(head) else None


def why_not_read(data: bytes, suffix: str = "") -> ImageError | None:
    """The reason why a file is not read as an image; None if neither its first bytes nor its name tell one.

    Args:
        data: the file, or its first FIRST_BYTES.
        suffix: lower-case end of the file's name, if it is to be asked where the bytes tell nothing.
    """
    head = data[:FIRST_BYTES]
    if kind := _other_kind(head):
        return _not_read(f"The file is {kind.what}. Such files are not read here.", kind.fix)
    if head and not any(head):
        return _not_read("The file holds zeros only: it was reserved on the disk, but never written.", "Copy it again.")
    if text := _as_text(head):
        return _why_no_text(text)
    named = next((kind for kind in _KINDS if suffix and suffix in kind.suffixes.split()), None)
    return (
        _not_read(f"The file is named like {named.what}. Such files are not read here.", named.fix) if named else None
    )


def instead_of_file(data: bytes) -> ImageError | None:
    """The reason why a file of any kind is not there, if something else lies in its place; None otherwise.

    Args:
        data: the file, or its first FIRST_BYTES.
    """
    head = data[:FIRST_BYTES]
    text = _as_text(head)
    if head.startswith(_LFS_BEGINS) or (head and not any(head)) or (text and text.lstrip()[:1] in (b"{", b"[", b"<")):
        return why_not_read(head)
    return None


def is_picture_suffix(suffix: str) -> bool:
    """True for the lower-case suffix of pictures of a kind that is not read."""
    return bool(suffix) and any(suffix in kind.suffixes.split() for kind in _KINDS)


def _why_no_text(text: bytes) -> ImageError:
    if _SVG.search(text):
        return _not_read("The file is a drawing (SVG), which has no pixels.", _DRAWING)
    if _HTML.search(text):
        return _not_read(
            "The file is a web page (HTML), perhaps the error page of a download that failed.",
            "Download it again.",
        )
    if text.lstrip()[:1] in (b"{", b"[", b"<"):
        return _not_read(
            "The file is text (JSON or XML), perhaps the error of a download that failed.", "Download it again."
        )
    return _not_read(
        "The file is text, not an image.", "Choose an image file. Another name does not turn a file into an image."
    )


def _not_read(message: str, fix: str) -> ImageError:
    return ImageError(message, fix, "not_an_image")


def _other_kind(head: bytes) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.begins and head.startswith(kind.begins, kind.at)), None)


def _as_text(head: bytes) -> bytes | None:
    """The bytes as UTF-8 text; None if they are no text."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = head.decode(encoding, "ignore")  # the last character may be cut off
    is_whole = len(text.encode(encoding)) > 0.9 * len(head)
    return text.encode() if text and is_whole and all(c.isprintable() or c.isspace() for c in text) else None
