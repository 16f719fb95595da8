"""Datasets of image files in a folder or a ZIP, read one file at a time."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

import numpy as np

from dashboard.core.datasets.attributes import Attributes
from dashboard.core.datasets.choices import NOTHING_CHOSEN, Choices
from dashboard.core.datasets.file_names import is_image_name
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelled_files import FilesReader
from dashboard.core.datasets.labelling import IsImage, no_images
from dashboard.core.datasets.labels_elsewhere import is_elsewhere, read_labels_elsewhere
from dashboard.core.datasets.labels_file import LABELS_SUFFIXES
from dashboard.core.datasets.pixel_tables import HEAD_BYTES, PIXEL_TABLES, pixels_in_table
from dashboard.core.datasets.sample_list import SampleList
from dashboard.core.errors import ImageError
from dashboard.core.images.decoding import DecodedImage, decode_image
from dashboard.core.images.file_size import MAX_FILE_BYTES
from dashboard.core.images.other_files import (
    FIRST_BYTES,
    RAW_SUFFIXES,
    is_picture_suffix,
    readable_kind,
    why_not_read,
)

_MOST_ASKED = 100  # files of a dataset without images that are asked what they are
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_JUNK_BEGINS = ("._", "~$", ".~lock.")  # the last two lie beside a file that Office or LibreOffice has open
_JUNK_NAMES = {".ds_store", "thumbs.db", "desktop.ini", "icon\r"}
_JUNK_FOLDERS = (
    "__MACOSX", ".ipynb_checkpoints", "@eaDir", ".AppleDouble", ".thumbnails", ".git",
    "$RECYCLE.BIN", "#recycle", ".Trash", ".Trashes",  # and .Trash-1000 ..., see `_TRASH`
    ".stversions", ".picasaoriginals", ".Spotlight-V100", "System Volume Information",
)  # fmt: skip
_TRASH = ".Trash-"  # followed by the number of a user


class ImageFiles:
    """A dataset of image files, labelled by class folders or by a labels file among them."""

    def __init__(
        self, path: Path, source: FileSource, choices: Choices = NOTHING_CHOSEN, use_labels_file: bool = True
    ) -> None:
        """Raises DatasetError when there are no images, the labels cannot be used, or the user has to choose.

        Args:
            use_labels_file: False: ignore the tables among the images.
        """
        self.path = path
        without_suffix = _images_without_suffix(source)
        self._is_image: IsImage = (
            (lambda name: is_image_name(name) or name in without_suffix) if without_suffix else is_image_name
        )
        if not any(map(self._is_image, source.names)):
            raise no_images(path.name, source.names, _why_no_images(source))
        elsewhere = is_elsewhere(choices.labels)
        given = read_labels_elsewhere(Path(choices.labels), source.names, choices.label_column) if elsewhere else None
        read = FilesReader(path.name, source, choices, given, use_labels_file, self._is_image).read()
        self._source, self._decided = read.source, read.decided
        self.samples: SampleList = read.labelling.samples
        self.notes, self._faults = read.labelling.notes, read.labelling.faults
        self.questions = read.questions
        self.attributes: Callable[[], Attributes | None] = read.labelling.attributes  # see `Dataset`

    @property
    def fingerprint(self) -> str:
        """See `Dataset`."""
        return joint_fingerprint(self._source.fingerprint, self._decided) if self._decided else self._source.fingerprint

    def file(self, index: int) -> bytes:
        """See `Dataset`."""
        if index in self._faults:
            raise self._faults[index]
        name = self.samples.names[index]
        if not self._is_image(name):
            raise _other_type(name, self._source, index)
        return self._source.read(index, MAX_FILE_BYTES + 1)

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return self.decoded(index, shrink_to).pixels

    def decoded(self, index: int, shrink_to: tuple[int, int] | None = None) -> DecodedImage:
        """See `Dataset`."""
        return decode_image(self.file(index), shrink_to)


@runtime_checkable
class _QuickToTell(Protocol):
    """Files whose first bytes are quicker to read than they are to check."""

    def first_bytes(self, position: int, limit: int) -> bytes:
        """The first `limit` bytes of a file. Raises ImageError."""


def _images_without_suffix(source: FileSource) -> frozenset[str]:
    """The names without a suffix of files that begin like an image."""
    first_bytes = source.first_bytes if isinstance(source, _QuickToTell) else source.read
    found = set()
    for position, name in enumerate(source.names):
        if "." not in name.rpartition("/")[2].lstrip(".") and not name.endswith("/"):
            with contextlib.suppress(ImageError):
                if readable_kind(first_bytes(position, FIRST_BYTES)):
                    found.add(name)
    return frozenset(found)


def _other_type(name: str, source: FileSource, position: int) -> ImageError:
    """The reason why a file whose name is not the one of an image is not read."""
    if name.endswith("/"):
        return ImageError(
            "This folder cannot be opened.", "Give the dashboard's user permission to read it.", "unreadable"
        )
    suffix = PurePosixPath(name).suffix.lower()
    ignored = ImageError(
        f"{suffix} files are ignored." if suffix else "Files without an extension are ignored.", code="other_type"
    )
    if suffix in LABELS_SUFFIXES:
        return ignored
    try:
        head = source.read(position, FIRST_BYTES)
    except ImageError as error:
        return error if is_picture_suffix(suffix) else ignored
    if (kind := readable_kind(head)) and suffix not in RAW_SUFFIXES:
        return ImageError(
            f"The file is a {kind[0]} image, but its name ends in {suffix}.",
            f"Let its name end in {kind[1]}.",
            "other_type",
        )
    return (why_not_read(b"" if kind else head, suffix) if is_picture_suffix(suffix) else None) or ignored


def _why_no_images(source: FileSource) -> ImageError | None:
    """Why the first picture is not read, in a dataset without images; None if there are no pictures of any kind."""
    for position, name in enumerate(source.names[:_MOST_ASKED]):
        reason = _other_type(name, source, position)
        if reason.fix:
            return ImageError(f"{name}: {reason.message}", reason.fix, reason.code)
        if name.lower().endswith(PIXEL_TABLES):
            with contextlib.suppress(ImageError):
                if fault := pixels_in_table(name, source.read(position, HEAD_BYTES)):
                    return fault
        if name.lower().endswith(_ARCHIVES):
            return ImageError(
                f"It holds archives, such as {name}, and archives inside a dataset are not opened.",
                "Give that archive itself, or unpack it there.",
            )
    return None


def is_junk(name: str) -> bool:
    """True for files that operating systems and programs leave behind, such as .DS_Store, copies by Jupyter and locks."""
    last = name.rpartition("/")[2]
    if last.startswith(_JUNK_BEGINS) or last.lower() in _JUNK_NAMES:
        return True
    if any(folder in name and folder in name.split("/")[:-1] for folder in _JUNK_FOLDERS):
        return True
    return _TRASH in name and any(part.startswith(_TRASH) for part in name.split("/")[:-1])


def joint_fingerprint(*parts: str) -> str:
    """One hex digest made from several."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
