"""Tells why a file that is no dataset is none: an archive of another kind, a part of one, a failed download."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from dashboard.core.datasets.zip_files import part_of_zip
from dashboard.core.errors import DatasetError
from dashboard.core.images.other_files import FIRST_BYTES, instead_of_file
from dashboard.core.shell import in_command

_ARCHIVES = (  # first bytes, what it is, names of such files that are datasets or damaged ones
    (b"Rar!", "a RAR archive", ()),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", ()),
    (b"\x1f\x8b", "a file compressed with gzip", (".gz", ".tgz")),
)
_PART_OF_ZIP = re.compile(r"\.z\d{2,}$", re.IGNORECASE)
_PART = re.compile(r"\.\d{3}$")


def why_no_dataset(path: Path) -> DatasetError | None:
    """The reason, if the first bytes or the name of a file tell it. Raises OSError."""
    name, quoted = path.name, in_command(path.name)
    if _PART_OF_ZIP.search(name):
        return part_of_zip(name)
    if _PART.search(name):
        whole = in_command(PurePosixPath(name).stem)
        return DatasetError(
            f"{name} is one part of a file in several.",
            f"Join all parts, with `cat {whole}.[0-9][0-9][0-9] > {whole}` or in the 7-Zip program, and give what this makes.",
            "unknown_format",
        )
    with path.open("rb") as file:
        head = file.read(FIRST_BYTES)
    lower = name.lower()
    if what := next(
        (what for begin, what, own in _ARCHIVES if head.startswith(begin) and not lower.endswith(own)), None
    ):
        folder = in_command(f"{PurePosixPath(name).stem} unpacked")
        return DatasetError(
            f"{name} is {what}, which is not read here.",
            f"Unpack it, with `7z x {quoted} -o{folder}` or in the 7-Zip program, and give the folder.", "unknown_format",
        )  # fmt: skip
    if reason := instead_of_file(head):
        return DatasetError(f"{name} is not a dataset. {reason.message}", reason.advice, "unknown_format")
    return None
