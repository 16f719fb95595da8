"""Finds the images that a table names in another way: by a URL, with Label Studio's prefix, or without leading zeros."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from urllib.parse import unquote

from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.table_rows import LabelsTable

_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")  # Label Studio puts it before the names of uploaded files
_NUMBER = re.compile(r"[0-9]{1,18}")
_LOCAL, _UPLOADED = "/data/local-files/?d=", re.compile(r"/data/upload/\d+/")  # Label Studio's folders
_TOOLS = "/data/"


def with_names_of_images(table: LabelsTable, stems: Collection[str]) -> LabelsTable:
    """The table with files as the images are called, where only their other form names an image.

    Args:
        stems: names of the images without folder and suffix.
    """
    if not stems or all(
        file_stem(file) in stems and not (file.startswith(_TOOLS) or "://" in file) for file in table.files
    ):
        return table
    without_zeros = _without_zeros(stems)
    files = tuple(_by_url(file, stems) or without_zeros.get(file, file) for file in table.files)
    restored = any(new != file and file.isdecimal() for new, file in zip(files, table.files, strict=True))
    note = f"{table.name} lacks the zeros at the beginning of file names, as spreadsheets drop them; they are added."
    return replace(table, files=files, notes=(*table.notes, note) if restored else table.notes)


def without_hosts(table: LabelsTable, find: Finder, folder: str) -> LabelsTable:
    """The table with paths of images where it has URLs whose folders are not those of the images.

    A URL means the image at its path; else the image with its file name, if only one has it and no other row names it.

    Args:
        find: finds the images of the dataset.
        folder: the folder of the table.
    """
    if not any("://" in file for file in table.files):
        return table
    often = Counter(_last(file) for file in set(table.files))

    def path_of(file: str) -> str:
        if "://" not in file or len(find(file, folder)):
            return file
        path, name = file.partition("://")[2].partition("/")[2], _last(file)
        if len(find(path, folder)):
            return path
        return name if often[name] == 1 and len(find(name, folder)) == 1 else file

    return replace(table, files=tuple(map(path_of, table.files)))


def _last(file: str) -> str:
    return file.rpartition("/")[2]


def folder_names(files: Iterable[str]) -> set[str]:
    """The names of all folders in these paths."""
    return {part for folder in {file.rpartition("/")[0] for file in files} for part in folder.split("/")}


def file_stem(name: str) -> str:
    """The name of a file without folder and suffix."""
    last = name.strip().replace("\\", "/").rstrip("/").rpartition("/")[2]
    dot = last.rfind(".")
    return last[:dot] if 0 < dot < len(last) - 1 else last


def _without_zeros(stems: Collection[str]) -> dict[str, str]:
    """Number -> stem, for the stems that are numbers with zeros before them, as far as no two are the same number."""
    numbers = [stem for stem in stems if _NUMBER.fullmatch(stem)]
    often = Counter(map(int, numbers))
    return {str(int(stem)): stem for stem in numbers if stem.startswith("0") and often[int(stem)] == 1}


def _by_url(file: str, stems: Collection[str]) -> str:
    """The path of an image in a URL or in a path of Label Studio; "" if it is none, or names no image either."""
    path = file.removeprefix(_LOCAL)
    if "://" in path:
        path = path.partition("?")[0].partition("#")[0]
    path = _UPLOADED.sub("", path, count=1)
    for spelled in dict.fromkeys((path, unquote(path))):
        folder, slash, last = spelled.rpartition("/")
        for each in (last, _PREFIX.sub("", last, count=1)):
            if file_stem(each) in stems:
                return f"{folder}{slash}{each}"
    return ""
