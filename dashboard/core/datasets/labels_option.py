"""Understands the labels file that a user names on the command line: a table inside the dataset, or a file elsewhere."""

from __future__ import annotations

import zipfile
from pathlib import Path

from dashboard.core.datasets.choices import FILE_NAMES, FOLDERS
from dashboard.core.datasets.folder_files import is_pattern
from dashboard.core.datasets.labels_file import LABELS_SUFFIXES, TEXT_SUFFIX
from dashboard.core.datasets.tables import named_among
from dashboard.core.datasets.zip_files import ZipFiles


def labels_choice(dataset: Path, typed: str) -> str:
    """`Choices.labels` for what the user typed; a table inside the folder or ZIP comes before a file elsewhere.

    Raises DatasetError when the dataset is a damaged ZIP.
    """
    if typed in ("", FOLDERS, FILE_NAMES):
        return typed
    if not Path(typed).is_absolute():
        if dataset.is_dir() and (dataset / typed).is_file():
            return typed
        if dataset.is_file() and zipfile.is_zipfile(dataset):
            names = ZipFiles(dataset).names
            if named_among(names, range(len(names)), typed):
                return typed
    path = Path(typed).absolute()
    has_members = ".tar" in dataset.name.lower() or dataset.suffix.lower() == ".tgz" or is_pattern(dataset)
    if has_members and not path.is_file():
        return typed
    may_be_table = path.suffix.lower() in (*LABELS_SUFFIXES, TEXT_SUFFIX, "")
    inside = dataset.is_dir() and may_be_table and path.is_relative_to(dataset.absolute())
    return path.relative_to(dataset.absolute()).as_posix() if inside and path.is_file() else str(path)
