"""Files on disk: a folder, a pattern such as photos/**/*.jpg, or one file. Symbolic links are not followed."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dashboard.core.datasets.contract import unreadable
from dashboard.core.datasets.image_files import is_junk
from dashboard.core.datasets.sample_list import PackedNames
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.files import HOW_TO_DOWNLOAD, readable_name, url_in


class FolderFiles:
    """See `FileSource`."""

    def __init__(self, root: Path, names: list[str]) -> None:
        """Takes the names of the files relative to `root`, as the system spells them."""
        self._root = root
        self._names = PackedNames(names)
        self.names = PackedNames(map(readable_name, names))

    @property
    def fingerprint(self) -> str:
        """Hex digest of the current names, sizes and times: reading every file would take too long.

        The time of the last change of the file's entry tells apart files whose own time was copied or comes from an archive.
        """
        digest = hashlib.sha256()
        for name in self._names:
            digest.update(os.fsencode(name))
            try:
                info = os.stat(f"{self._root}/{name}")  # noqa: PTH116  # fast enough for a million files
                digest.update(f"\0{info.st_size}\0{info.st_mtime_ns}\0{info.st_ctime_ns}\n".encode())
            except OSError:  # the file no longer exists
                digest.update(b"\0\n")
        return digest.hexdigest()

    def read(self, position: int, limit: int) -> bytes:
        """See `FileSource`."""
        try:
            with (self._root / self._names[position]).open("rb") as file:
                return file.read(limit)
        except OSError as error:
            raise ImageError(
                f"The file cannot be opened ({error.strerror}).",
                "Give the dashboard's user permission to read it.",
                "unreadable",
            ) from error


def files_below(root: Path, links: list[str] | None = None) -> list[str]:
    """All regular files in a folder and its subfolders, relative to it and sorted folder by folder.

    Symbolic links and junk are left out. A subfolder that cannot be opened is listed itself, with a `/` at its end.

    Args:
        links: the skipped symbolic links are added to this list.

    Raises:
        DatasetError: `root` itself cannot be read.
    """
    passed_over = [] if links is None else links
    names = (name for name in _walk(root, "", passed_over) if not is_junk(name))
    return sorted(names, key=lambda name: name.split("/"))


def _walk(root: Path, below: str, links: list[str]) -> Iterator[str]:
    try:
        entries = os.scandir(root / below)
    except OSError as error:
        if below:
            yield below
            return
        raise unreadable(root, error) from error
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, f"{below}{entry.name}/", links)
            elif entry.is_file(follow_symlinks=False):
                yield f"{below}{entry.name}"
            elif entry.is_symlink():
                links.append(readable_name(f"{below}{entry.name}"))


def is_pattern(path: Path) -> bool:
    """True if the path has wildcards and is not the name of an existing file."""
    return glob.has_magic(str(path)) and not path.exists()


def pattern_root(pattern: Path) -> Path:
    """The folder before the first wildcard."""
    plain = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        plain.append(part)
    return Path(*plain)


def files_matching(pattern: Path) -> list[str]:
    """The regular files that match a pattern, relative to `pattern_root`, sorted folder by folder."""
    root = pattern_root(pattern)
    parts = pattern.relative_to(root).parts
    return [name for name in files_below(root) if _matches(name.split("/"), parts)] if root.is_dir() else []


def with_own_brackets(pattern: Path) -> Path | None:
    """The pattern with `[` as itself in the folder that it begins with; None if no existing folder has it in its name."""
    for folder in pattern.parents:
        if "[" in str(folder) and folder.is_dir():
            return Path(str(folder).replace("[", "[[]")) / pattern.relative_to(folder)
    return None


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":  # any number of folders
        return any(_matches(parts[i:], pattern[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def check_path(path: Path) -> None:
    """Raises DatasetError for a URL, and for a path that is not valid UTF-8, since it cannot be stored as text."""
    if url := url_in(path):
        raise DatasetError(f"{url} is a URL.", HOW_TO_DOWNLOAD, "not_found")
    if (name := readable_name(str(path))) != str(path):
        raise DatasetError(f"The path {name} is not valid UTF-8.", "Rename the file or folder.", "bad_name")
