"""The datasets on this server: the samples, what lies in data/datasets, CIFAR-10, and what was uploaded."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dashboard.core import cifar10
from dashboard.core.datasets import readable_name
from dashboard.core.errors import DatasetError
from dashboard.settings import Settings

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class LibraryEntry:
    """A dataset that can be evaluated by choosing it."""

    title: str
    path: Path


def library(settings: Settings) -> list[LibraryEntry]:
    """What is there now, own datasets first."""
    entries = []
    if settings.datasets_dir.is_dir():
        for path in sorted(settings.datasets_dir.iterdir()):
            if path.is_dir() or path.suffix.lower() == ".zip":
                entries.append(LibraryEntry(readable_name(path.name), path))
    if (archive := settings.downloads_dir / cifar10.FILE_NAME).is_file():
        entries.append(LibraryEntry("CIFAR-10 test set", archive))
    if settings.samples_dir.is_dir():
        entries.append(LibraryEntry("Sample images", settings.samples_dir))
    return entries


def keep_upload(file: IO[bytes], name: str, settings: Settings) -> Path:
    """Copies an upload to disk block by block, under its content's hash: the same file twice is stored once.

    Raises:
        DatasetError: it is larger than allowed, or the disk is full.
    """
    limit = settings.max_upload_mb * 2**20
    settings.uploads_dir.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    handle, temporary = tempfile.mkstemp(dir=settings.uploads_dir, prefix=".upload-")
    try:
        with os.fdopen(handle, "wb") as out:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                out.write(block)
                if out.tell() > limit:
                    raise DatasetError(
                        f"{name} is larger than the {settings.max_upload_mb:,} MB allowed.",
                        "Put it into data/datasets on the server instead.",
                        "upload_too_large",
                    )
        target = settings.uploads_dir / digest.hexdigest()[:16] / plain_name(name)
        target.parent.mkdir(exist_ok=True)
        Path(temporary).replace(target)
    except OSError as error:
        raise DatasetError(
            f"{name} could not be stored: {error.strerror}.", "Free some space on the server, then upload it again."
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def plain_name(name: str) -> str:
    """A file name that is safe on any disk, as near to `name` as can be, with its suffix."""
    path = Path(name.replace("\\", "/"))
    stem = re.sub(r"[^\w.-]+", "_", path.stem)[:80].strip("._") or "dataset"
    return stem + re.sub(r"[^\w.]", "", path.suffix)[:10]
