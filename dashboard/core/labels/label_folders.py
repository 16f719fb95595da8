"""The names of the images in an exported ZIP with one folder for each label. Every system can unpack it."""

from __future__ import annotations

import json
import unicodedata
from pathlib import PurePosixPath

from dashboard.core.files import portable_name

NO_LABEL_FOLDER = "no label"
LABELS_MEMBER = "labels.json"
_LONGEST_STEM = 200  # bytes; most systems allow 255 for the whole name


def free_member(label: str, file: str, number: int, taken: set[str]) -> str:
    """A name LABEL/NAME for an image in a ZIP. Every system can unpack it, and no other image has it.

    Args:
        file: the path of the image, of which the last part is NAME.
        number: the first of the numbers that are tried if NAME is taken.
        taken: the other names as Windows and macOS compare them, without regard to case. The new one is added.
    """
    folder = _portable_folder(label)
    name = PurePosixPath(portable_name(file.rpartition("/")[2]) or "image")
    stem = name.stem.encode("utf-8", "ignore")[:_LONGEST_STEM].decode("utf-8", "ignore")
    suffix = name.suffix or ".png"
    member = f"{folder}/{stem}{suffix}"
    while (key := _compared(member)) in taken:
        member = f"{folder}/{stem}-{number}{suffix}"
        number += 1
    taken.add(key)
    return member


class LabelFolders:
    """The folders of a ZIP with one for each label. No two labels share one, on no system.

    Where a folder cannot be called like its label, `labels` tells what the ZIP has to say besides.
    """

    def __init__(self) -> None:
        self._folders: dict[str | None, str] = {}
        self._taken: set[str] = set()
        self._members: set[str] = set()
        self._label_of: dict[str, str | None] = {}

    def member(self, label: str | None, file: str, number: int) -> str:
        """The name of an image in the ZIP, see `free_member`. Images without a label have a folder of their own."""
        if label not in self._folders:
            called = name = _portable_folder(NO_LABEL_FOLDER if label is None else label)
            count = 1
            while (key := _compared(name)) in self._taken:
                count += 1
                name = f"{called}-{count}"
            self._taken.add(key)
            self._folders[label] = name
        member = free_member(self._folders[label], file, number, self._members)
        self._label_of[member] = label
        return member

    @property
    def labels(self) -> bytes | None:
        """The content of LABELS_MEMBER, with which the ZIP is a dataset with the same labels; None if it needs none."""
        if all(name == (NO_LABEL_FOLDER if label is None else label) for label, name in self._folders.items()):
            return None
        return json.dumps(self._label_of, ensure_ascii=False, indent=2).encode()


def _portable_folder(label: str) -> str:
    return portable_name(label).lstrip(". ") or "_"


def _compared(name: str) -> str:
    """The name as Windows and macOS compare it."""
    return unicodedata.normalize("NFC", name).casefold()
