"""Datasets of image files in a folder or a ZIP, read one file at a time."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

import numpy as np

from dashboard.core.datasets.choices import NOTHING_CHOSEN, Choices
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelled_files import FilesReader
from dashboard.core.datasets.labels_elsewhere import is_elsewhere, read_labels_elsewhere
from dashboard.core.datasets.sample_list import SampleList
from dashboard.core.errors import ImageError
from dashboard.core.images.decoding import MAX_FILE_BYTES, SUFFIXES, decode_image

_JUNK_NAMES = {".ds_store", "thumbs.db", "desktop.ini"}


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
        elsewhere = is_elsewhere(choices.labels)
        given = read_labels_elsewhere(Path(choices.labels), source.names) if elsewhere else None
        read = FilesReader(path.name, source, choices, given, use_labels_file).read()
        self._source, self._decided = read.source, read.decided
        self.samples: SampleList = read.labelling.samples
        self.notes, self._faults = read.labelling.notes, read.labelling.faults
        self.questions = read.questions

    @property
    def fingerprint(self) -> str:
        """See `Dataset`."""
        return joint_fingerprint(self._source.fingerprint, self._decided) if self._decided else self._source.fingerprint

    def file(self, index: int) -> bytes:
        """See `Dataset`."""
        if index in self._faults:
            raise self._faults[index]
        refuse_other_types(self.samples.names[index])
        return self._source.read(index, MAX_FILE_BYTES + 1)

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return decode_image(self.file(index), shrink_to).pixels


def refuse_other_types(name: str) -> None:
    """Raises ImageError unless the name has the suffix of an image."""
    if name.endswith("/"):
        raise ImageError(
            "This folder cannot be opened.", "Give the dashboard's user permission to read it.", "unreadable"
        )
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        kind = f"{suffix} files" if suffix else "Files without an extension"
        raise ImageError(f"{kind} are ignored.", code="other_type")


def is_junk(name: str) -> bool:
    """True for files that operating systems leave behind, such as .DS_Store."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].lower() in _JUNK_NAMES or parts[-1].startswith("._")


def joint_fingerprint(*parts: str) -> str:
    """One hex digest made from several."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
