"""Opens a dataset of any kind: what it is, is told from its content."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

from dashboard.core.datasets import npy, parquet_images
from dashboard.core.datasets.arrays import ArrayImages
from dashboard.core.datasets.cifar10_images import Cifar10Images
from dashboard.core.datasets.contract import Dataset, unreadable
from dashboard.core.datasets.described import SUFFIX as DESCRIPTION
from dashboard.core.datasets.described import DescribedDataset
from dashboard.core.datasets.folder_files import (
    FolderFiles,
    check_readable_name,
    files_below,
    files_matching,
    is_pattern,
    pattern_root,
)
from dashboard.core.datasets.image_files import ImageFiles
from dashboard.core.datasets.labelling import is_image_name
from dashboard.core.datasets.parquet_images import ParquetImages
from dashboard.core.datasets.tfrecord import begins_like_tfrecord
from dashboard.core.datasets.tfrecord_images import TFRecordImages
from dashboard.core.datasets.watched import content_state
from dashboard.core.datasets.zip_files import ZipFiles
from dashboard.core.errors import DatasetError, listed

KINDS = (
    "Give a ZIP or folder of images (with one folder a class or a labels file), image files, an .npz or .npy of uint8 "
    "images, a Parquet or TFRecord file of images, or the CIFAR-10 archive."
)
_FIRST_BYTES = 16
_GZIP = b"\x1f\x8b"
_SPLIT = re.compile(r"(?<![a-z])(train|test|validation|valid|val|dev)(?![a-z])", re.IGNORECASE)
_PACKED = r"(\.(gz|gzip|zlib))?$"
_SHARDS = (
    (ParquetImages, re.compile(r"\.parquet" + _PACKED, re.IGNORECASE)),
    (TFRecordImages, re.compile(r"\.tfrecords?([-_.]?\d+([-_]of[-_]\d+)?)?" + _PACKED, re.IGNORECASE)),
)  # not what lies beside them: checksums, indices
_MOST_OPEN = 8  # several evaluations take turns, and opening a large dataset takes seconds


def open_dataset(path: Path, use_labels_file: bool = True) -> Dataset:
    """Opens the dataset at `path`, which may be a pattern such as photos/**/*.jpg.

    Args:
        use_labels_file: whether one among the images gives them their labels.

    Raises:
        DatasetError: it does not exist, cannot be read, is damaged as a whole, or is of no known kind.
    """
    check_readable_name(path)
    path = path.resolve()
    try:
        return _open_cached(path, content_state(path), use_labels_file)
    except OSError as error:
        raise unreadable(path, error) from error


def is_there(path: Path) -> bool:
    """Whether a dataset, which may be a pattern, has not gone."""
    return path.exists() or (is_pattern(path) and pattern_root(path).is_dir())


@lru_cache(maxsize=_MOST_OPEN)
def _open_cached(path: Path, state: tuple[object, ...], use_labels_file: bool) -> Dataset:
    if is_pattern(path):
        root, names = pattern_root(path), files_matching(path)
        if not names:
            raise DatasetError(f"{path} means no file.", "Check the path; ** stands for any folders.", "not_found")
        return _open_files(path, root, names, use_labels_file)
    if path.is_dir():
        links: list[str] = []
        return _open_files(path, path, files_below(path, links), use_labels_file, links)
    return _open_file(path, use_labels_file)


def _open_files(path: Path, root: Path, names: list[str], use_labels_file: bool, links: Sequence[str] = ()) -> Dataset:
    """Images, or, where there are none, the shards of one dataset."""
    if not any(map(is_image_name, names)):
        for kind, named in _SHARDS:
            if shards := [name for name in names if named.search(name)]:
                _refuse_several_splits(path, root, shards)
                return kind(path, [root / name for name in shards])
        if links:
            raise DatasetError(
                f"{path.name} holds no images, only symbolic links, which are not followed: {listed(sorted(links))}.",
                "Copy the files there.", "no_images",
            )  # fmt: skip
    files = ImageFiles(path, FolderFiles(root, names), use_labels_file)
    if links:
        files.notes = (*files.notes, f"Symbolic links are not followed: {listed(sorted(links))}.")
    return files


def _refuse_several_splits(path: Path, root: Path, shards: Sequence[str]) -> None:
    splits = dict(found for shard in shards if (found := _split_of(shard)))
    if len(splits) > 1:
        split = "test" if "test" in splits else min(splits)
        raise DatasetError(
            f"{path.name} holds more than one split: {', '.join(sorted(splits))}.",
            f"Give one of them: {root / splits[split]}", "several_splits",
        )  # fmt: skip


def _split_of(shard: str) -> tuple[str, str] | None:
    """What split a file belongs to, by its name or else its folders', and what stands for all of that split."""
    parts = shard.split("/")
    for depth in range(len(parts), 0, -1):
        if found := _SPLIT.search(parts[depth - 1]):
            is_file = depth == len(parts)
            last = f"{'*' if found.start() else ''}{found[0]}*" if is_file else parts[depth - 1]
            return found[0].lower(), "/".join((*parts[: depth - 1], last))
    return None


def _open_file(path: Path, use_labels_file: bool) -> Dataset:
    with path.open("rb") as file:
        first_bytes = file.read(_FIRST_BYTES)
    if path.name.endswith(DESCRIPTION):
        return DescribedDataset(path, partial(open_dataset, use_labels_file=False))
    if first_bytes.startswith(npy.MAGIC):  # whatever it is called
        return ArrayImages(path, {path.stem: npy.open_npy(path)})
    if first_bytes.startswith(parquet_images.MAGIC):
        return ParquetImages(path, [path])
    if path.name.lower().endswith((".tar.gz", ".tgz")):
        return Cifar10Images(path)
    if is_image_name(path.name):
        return ImageFiles(path, FolderFiles(path.parent, [path.name]))
    if zipfile.is_zipfile(path):
        return _open_archive(path, use_labels_file)
    if first_bytes.startswith(_GZIP) and ".tfrecord" in path.name.lower():
        raise DatasetError(f"{path.name} is compressed.", "Unpack it with gunzip.", "tfrecord_compressed")
    if begins_like_tfrecord(first_bytes):
        return TFRecordImages(path, [path])
    if path.suffix.lower() in (".zip", ".npz"):
        raise DatasetError(
            f"{path.name} is not a complete ZIP file: its end is missing or damaged.",
            "Upload or copy it again.", "zip_truncated",
        )  # fmt: skip
    damaged = {".npy": "NumPy", ".parquet": "Parquet", ".tfrecord": "TFRecord", ".tfrecords": "TFRecord"}
    if kind := damaged.get(path.suffix.lower()):
        raise DatasetError(
            f"{path.name} is damaged: it does not begin like a {kind} file.", "Upload or copy it again.", "damaged"
        )
    raise DatasetError(f"{path.name} is no dataset that is read here.", KINDS, "unknown_format")


def _open_archive(path: Path, use_labels_file: bool) -> Dataset:
    files = ZipFiles(path)
    if not any(map(is_image_name, files.names)) and any(name.endswith(".npy") for name in files.names):
        return ArrayImages(path, npy.open_npz(path))
    return ImageFiles(path, files, use_labels_file)
