"""Stores uploaded datasets on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.csv_labels import is_text_table
from dashboard.core.datasets.described import SUFFIX, describe, read_description
from dashboard.core.datasets.file_names import is_image_name
from dashboard.core.datasets.foreign_formats import WORKBOOKS
from dashboard.core.datasets.formats import KINDS, OFFERED
from dashboard.core.datasets.idx_names import is_idx_name
from dashboard.core.datasets.labels_file import LABELS_SUFFIXES, TEXT_SUFFIX
from dashboard.core.datasets.read_instead import if_predictions, read_instead
from dashboard.core.datasets.repeated_names import numbered_name
from dashboard.core.errors import DatasetError, listed
from dashboard.core.files import how_to_write_again, portable_name, rename, sha256_of
from dashboard.core.settings import Settings

WHOLE_DATASETS = tuple(suffix for each in OFFERED if not each.several for suffix in each.suffixes)
_OF_SEVERAL = tuple(suffix for each in OFFERED if each.several for suffix in each.suffixes)
_LABELS = (*sorted(LABELS_SUFFIXES.difference(WHOLE_DATASETS)), TEXT_SUFFIX)
LOOSE_FILES = (*_OF_SEVERAL, *_LABELS)  # several such files make one dataset
IF_TOO_LARGE = (
    "Put it into the folder datasets of the data folder on the server instead. Diagnostics names the data folder under "
    "Storage, and Batch evaluation then offers the dataset under This server."
)
_BLOCK_BYTES = 2**20
_HEAD_BYTES = 2**16  # of a text; its first line has to fit
_STEM_BYTES = 200  # of a name: file systems allow 255 for the whole


def is_whole(name: str) -> bool:
    """True if a file with this name is a dataset by itself. Other files may belong together."""
    return name.lower().endswith(WHOLE_DATASETS)


def refuse_other_kinds(names: Sequence[str]) -> None:
    """Raises DatasetError if some of these files can neither be a dataset nor a part of one, by their names."""
    others = [name for name in names if not (is_whole(name) or _is_part(name))]
    if others:
        way = f"{found} " if (found := read_instead(others)) else ""
        raise DatasetError(
            f"{listed(others, 3)}: this kind of file is not read.",
            f"Remove it above. {way}What can be uploaded: "
            + "; ".join(each.help for each in OFFERED)
            + f"; or a labels file ({', '.join(sorted({*LABELS_SUFFIXES, TEXT_SUFFIX} - WORKBOOKS))}). Save a spreadsheet as "
            "CSV. If it is an archive of another kind, unpack it and make a ZIP of what is in it.",
            "unknown_format",
        )


def _is_part(name: str) -> bool:
    return name.lower().endswith(LOOSE_FILES) or is_idx_name(name)


def keep_upload(file: IO[bytes], name: str, settings: Settings) -> Path:
    """Copies an upload to disk, into a folder named after its checksum: equal files are stored once.

    Raises:
        DatasetError: the file has no supported format, is larger than allowed, or cannot be written.
    """
    safe_name = plain_name(name)
    if not (safe_name.lower().endswith((*WHOLE_DATASETS, *_OF_SEVERAL)) or is_idx_name(safe_name)):
        way = if_predictions() if safe_name.lower().endswith(tuple(LABELS_SUFFIXES)) else read_instead([safe_name])
        raise DatasetError(f"{name} is not a dataset by itself.", f"{way} {KINDS}" if way else KINDS, "unknown_format")
    return _keep(lambda out: shutil.copyfileobj(file, out, _BLOCK_BYTES), safe_name, name, [file], settings)


def keep_part(file: IO[bytes], name: str, settings: Settings) -> Path:
    """Copies an upload to disk, as `keep_upload` does, also if it is no dataset by itself. Raises DatasetError."""
    return _keep(lambda out: shutil.copyfileobj(file, out, _BLOCK_BYTES), plain_name(name), name, [file], settings)


def keep_uploads(files: Sequence[tuple[str, IO[bytes]]], settings: Settings) -> Path:
    """Stores a dataset of one file, one with its labels file, or packs several loose files into one ZIP with the same names.

    Different images with the same name are all numbered, so that no row of a table is for the one that came first.

    The ZIP is called after the first file, without the suffix of a ZIP, which the user did not make.

    Raises:
        DatasetError: as `keep_upload`, and when one of several files cannot be part of a dataset.
    """
    if len(files) == 1:
        return keep_upload(files[0][1], files[0][0], settings)
    if len(files) == 2 and (found := _with_its_labels(files)):
        (name, dataset), (table_name, table) = found
        kept = keep_upload(dataset, name, settings)
        labels = keep_part(table, table_name, settings)
        return describe(kept, Choices(labels=str(labels.absolute())), settings.described_dir)
    for name, _ in files:
        if is_whole(name) or not _is_part(name):
            raise DatasetError(
                f"{name} cannot be uploaded together with other files.",
                "Upload one dataset alone or with one labels file, or images with a labels file.", "upload_mixed",
            )  # fmt: skip

    def write(out: IO[bytes]) -> None:
        names = _different(files)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name, (_, file) in zip(names, files, strict=True):
                member = zipfile.ZipInfo(name)  # with a fixed date, so equal uploads give equal ZIPs
                with archive.open(member, "w", force_zip64=True) as to:
                    shutil.copyfileobj(file, to, _BLOCK_BYTES)

    first = Path(files[0][0].replace("\\", "/")).stem[:50].replace(".", "_")  # a name that the user knows
    file_name = plain_name(f"{first} and {len(files) - 1} more")
    return _keep(write, file_name, f"{len(files)} files", [file for _, file in files], settings)


def kept_upload(name: str, settings: Settings) -> Path | None:
    """The upload in the folder `name` of all uploads, or the description of some; None if there is none.

    None also if nobody may look there: a description may name any file of the server.
    """
    if not re.fullmatch("[0-9a-f]{16}", name):
        return None
    uploads = settings.uploads_dir.absolute()
    with contextlib.suppress(OSError, DatasetError):
        for path in sorted((settings.uploads_dir / name).glob("*")):
            if path.is_file():
                return path
        for path in sorted((settings.described_dir / name).glob(f"*{SUFFIX}")):
            if all(file.parent.parent == uploads for file in read_description(path).files):
                return path
    return None


def _with_its_labels(files: Sequence[tuple[str, IO[bytes]]]) -> Sequence[tuple[str, IO[bytes]]] | None:
    """The dataset, then its labels file; None if the two files are something else."""
    found = [
        (dataset, table) for dataset, table in (files, files[::-1]) if is_whole(dataset[0]) and _may_hold_labels(*table)
    ]
    return found[0] if len(found) == 1 else None


def _may_hold_labels(name: str, file: IO[bytes]) -> bool:
    if not name.lower().endswith(TEXT_SUFFIX):
        return name.lower().endswith(tuple(LABELS_SUFFIXES))
    file.seek(0)
    return is_text_table(file.read(_HEAD_BYTES))  # and no readme.txt


def _keep(
    write: Callable[[IO[bytes]], None], file_name: str, title: str, files: Sequence[IO[bytes]], settings: Settings
) -> Path:
    if sum(map(_bytes_in, files)) > settings.max_upload_mb * 2**20:
        raise DatasetError(
            f"{title}: larger than the {settings.max_upload_mb:,} MB allowed.",
            IF_TOO_LARGE, "upload_too_large",
        )  # fmt: skip
    temporary: Path | None = None
    try:
        settings.uploads_dir.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=settings.uploads_dir, prefix=".upload-")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())
        target = settings.uploads_dir / sha256_of(temporary)[:16] / file_name
        target.parent.mkdir(exist_ok=True)
        try:
            rename(temporary, target)
        except PermissionError:
            if not target.exists():  # else the same file is there already, and Windows keeps it while it is read
                raise
    except OSError as error:
        raise not_stored(title, error) from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)
    return target


def not_stored(title: str, error: OSError) -> DatasetError:
    """The error for an upload, called `title`, that the system did not let us write."""
    return DatasetError(
        f"{title} could not be stored: {error.strerror or error}.",
        f"{how_to_write_again(error)}, then upload it again.",
        "storage",
    )


def _bytes_in(file: IO[bytes]) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _different(files: Sequence[tuple[str, IO[bytes]]]) -> list[str]:
    """A name of its own for each file, as far as possible the one that it has."""
    given = [name for name, _ in files]
    count = Counter(given)
    contents: dict[str, set[bytes]] = {}
    for name, file in files:
        if count[name] > 1 and is_image_name(name):
            contents.setdefault(name, set()).add(_digest(file))
    taken = set(given)
    met: Counter[str] = Counter()
    names = []
    for name in given:
        met[name] += 1
        if len(contents.get(name, ())) > 1:
            name = _unlike(numbered_name(name, met[name], count[name]), taken)
        elif met[name] > 1:
            name = _unlike(name, taken)
        taken.add(name)
        names.append(name)
    return names


def _digest(file: IO[bytes]) -> bytes:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    file.seek(0)
    return digest.digest()


def _unlike(name: str, taken: Collection[str]) -> str:
    """The name, with a number if it is taken."""
    path = PurePosixPath(name)
    number = 1
    while name in taken:
        number += 1
        name = f"{path.with_suffix('')} ({number}){path.suffix}"
    return name


def plain_name(name: str) -> str:
    """The last part of `name`, changed where a file system does not allow it. It may have spaces, brackets and the like."""
    path = Path(name.replace("\\", "/"))
    shown = "".join(each if each.isprintable() else "_" for each in re.sub(r"\s+", " ", path.stem)[:80])
    short = shown.encode()[:_STEM_BYTES].decode(errors="ignore")
    stem = portable_name(short).strip("._ ") or "dataset"
    return portable_name(stem + re.sub(r"[^\w.]", "", path.suffix)[:10])
