"""Images and labels in the files of MNIST (idx), plain or compressed with gzip.

Source of the format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

import numpy as np

from dashboard.core.datasets.arrays import ArrayImages
from dashboard.core.datasets.idx_names import NAME, is_idx_name
from dashboard.core.datasets.npy import ArrayHeader, StoredArray
from dashboard.core.datasets.seekable_gzip import MAGIC as GZIP
from dashboard.core.datasets.seekable_gzip import Expands, SeekableGzip
from dashboard.core.datasets.split_choice import Split, choose_split
from dashboard.core.datasets.split_names import shards_by_split
from dashboard.core.datasets.zip_files import open_zip
from dashboard.core.errors import DatasetError
from dashboard.core.parsing import parsing, reason

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MOST_AXES = 4
_MOST_BYTES = 2**40  # no larger position is tried


@dataclass(frozen=True)
class _Pair:
    """The files of one split, by their names; None if there is none."""

    images: str | None
    labels: str | None


def begins_like_idx(path: Path, first_bytes: bytes) -> bool:
    """True if the file, or what gzip packed into it, begins like an idx file."""
    if first_bytes.startswith(GZIP):
        if not NAME.fullmatch(path.name):
            return False
        try:
            with path.open("rb") as file:
                first_bytes = SeekableGzip(file).read(4)
        except Exception:
            return True  # reading it tells what is wrong
    return (
        len(first_bytes) >= 4
        and first_bytes[:2] == b"\0\0"
        and first_bytes[2] in _TYPES
        and 0 < first_bytes[3] <= _MOST_AXES
    )


def open_idx_file(path: Path) -> ArrayImages:
    """The images in a file, with the labels in the file beside it. Raises DatasetError."""
    labels = labels_beside(path)
    if (found := NAME.fullmatch(path.name)) and found["what"].lower() == "labels":
        raise DatasetError(
            f"{path.name} holds labels.", "Give the file of images beside it; its labels are found there.", "array_keys"
        )
    return _images(path, {"images": path} | ({"labels": labels} if labels else {}))


def labels_beside(path: Path) -> Path | None:
    """The file beside a file of images that is named as the one of its labels."""
    found = NAME.fullmatch(path.name)
    if not found or found["what"].lower() != "images":
        return None
    labels = _pairs(each.name for each in path.parent.iterdir())[_split(found)].labels
    return path.parent / labels if labels else None


def open_idx_files(path: Path, files: Sequence[Path]) -> ArrayImages:
    """The images and labels of the one split among these files. Raises DatasetError."""
    by_name = {str(file): file for file in files}
    pair = _only_pair(path.name, by_name)
    return _images(path, {what: by_name[name] for what, name in _named(pair)})


def open_idx_zip(path: Path, split: str = "") -> ArrayImages:
    """The images and labels of one split in a ZIP.

    Args:
        split: of several, the one that the user chose; "" if none.

    Raises:
        UndecidedError: the user has to choose a split.
        DatasetError: there is no such split, or a file cannot be used.
    """
    archive = open_zip(path)
    members = {member.filename: member for member in archive.infolist() if is_idx_name(member.filename)}
    by_split = {name: files for name, files in shards_by_split(members).items() if name}
    choice = None
    if len(by_split) > 1:
        splits = [Split(name, tuple(files), len(files), "file") for name, files in by_split.items()]
        choice = choose_split(path.name, splits, split, lambda _: True, may_pool=False)
        members = {name: members[name] for name in by_split[choice.splits[0]]}
    pair = _only_pair(path.name, members)
    dataset = ArrayImages(path, {what: _in_zip(archive, members[name], path) for what, name in _named(pair)})
    if choice:
        dataset.questions, dataset.notes = (choice.question,), (choice.note, *dataset.notes)
        dataset.split = choice.splits[0]
    return dataset


def open_idx(path: Path) -> StoredArray:
    """The array in a file. Raises DatasetError."""
    return _read(path.name, path.open("rb"), path.name.lower().endswith(".gz"))


def _images(path: Path, files: Mapping[str, Path]) -> ArrayImages:
    return ArrayImages(path, {what: open_idx(file) for what, file in files.items()}, tuple(files.values()))


def _in_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> StoredArray:
    name = f"{path.name}: {member.filename}"
    with parsing(partial(_damaged, name)):
        return _read(name, archive.open(member), member.filename.lower().endswith(".gz"))


def _read(name: str, file: IO[bytes], is_compressed: bool) -> StoredArray:
    content = cast(IO[bytes], SeekableGzip(file)) if is_compressed else file
    try:
        with parsing(partial(_damaged, name)):
            return StoredArray(name, content, _header(name, content))
    except BaseException:
        content.close()
        raise


def _header(name: str, file: IO[bytes]) -> ArrayHeader:
    """Reads the header, and checks that the file has exactly the bytes that it promises."""
    zeros, kind, axes = file.read(2), *(file.read(2) or b"\0\0")
    if zeros != b"\0\0" or kind not in _TYPES or not 0 < axes <= _MOST_AXES:
        raise ValueError("it does not begin like an idx file")
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise EOFError("it is cut off")
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    header = ArrayHeader(shape, np.dtype(_TYPES[kind]), 4 + 4 * axes)
    size = header.row_bytes * shape[0]
    rest = b""
    if size <= _MOST_BYTES:
        file.seek(header.offset + max(0, size - 1))
        rest = file.read(2)
    if len(rest) != min(size, 1):
        raise EOFError(f"its header says {shape}, {size:,} bytes, but it has {'more' if len(rest) > 1 else 'fewer'}")
    return header


def _pairs(names: Iterable[str]) -> dict[str, _Pair]:
    """The files of each split. Of several files for the same, the one in the highest folder counts."""
    found: dict[str, dict[str, str]] = {}
    for name in sorted(names, key=lambda name: (name.count("/"), name)):
        if match := NAME.fullmatch(name.rpartition("/")[2]):
            found.setdefault(_split(match), {}).setdefault(match["what"].lower(), name)
    return {split: _Pair(files.get("images"), files.get("labels")) for split, files in found.items()}


def _split(match: re.Match[str]) -> str:
    return match["split"].lower()


def _only_pair(dataset_name: str, names: Iterable[str]) -> _Pair:
    pairs = {split: pair for split, pair in _pairs(names).items() if pair.images}
    if not pairs:
        raise DatasetError(
            f"{dataset_name} holds labels without their images.", "Add the file of images.", "array_keys"
        )
    if len(pairs) > 1:
        raise DatasetError(
            f"{dataset_name} holds more than one split: {', '.join(sorted(pairs))}.",
            "Give the files of one of them only.", "several_splits",
        )  # fmt: skip
    [pair] = pairs.values()
    return pair


def _named(pair: _Pair) -> list[tuple[str, str]]:
    return [(what, name) for what, name in (("images", pair.images), ("labels", pair.labels)) if name]


def _damaged(name: str, error: Exception) -> DatasetError:
    why = "it expands to very much more than its size" if isinstance(error, Expands) else reason(error)
    return DatasetError(f"{name} is damaged: {why}.", "Upload or copy it again.", "array_damaged")
