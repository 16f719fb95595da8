"""The table of dataset formats. Opening, uploads, the library and every text that names formats use it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path

from dashboard.core.datasets import npy, parquet_images
from dashboard.core.datasets.arrays import ArrayImages, labels_beside, open_arrays
from dashboard.core.datasets.choices import NOTHING_CHOSEN, Choices
from dashboard.core.datasets.cifar10_archive import has_batches
from dashboard.core.datasets.cifar10_images import Cifar10Images
from dashboard.core.datasets.columns import IMAGE_KEYS, LABEL_KEYS
from dashboard.core.datasets.contract import Dataset
from dashboard.core.datasets.described import SUFFIX as DESCRIPTION
from dashboard.core.datasets.described import DescribedDataset
from dashboard.core.datasets.file_names import is_image_name
from dashboard.core.datasets.folder_files import FolderFiles
from dashboard.core.datasets.idx import (
    begins_like_idx,
    open_idx_file,
    open_idx_files,
    open_idx_zip,
)
from dashboard.core.datasets.idx_names import NAME, is_idx_name
from dashboard.core.datasets.image_files import ImageFiles
from dashboard.core.datasets.parquet_images import ParquetImages
from dashboard.core.datasets.tar_files import TarFiles, first_names, incomplete_tar
from dashboard.core.datasets.tfrecord import begins_like_tfrecord
from dashboard.core.datasets.tfrecord_images import TFRecordImages, is_compressed, refuse_compressed
from dashboard.core.datasets.zip_files import ZipFiles, incomplete_zip
from dashboard.core.errors import DatasetError
from dashboard.core.images.decoding import SUFFIXES
from dashboard.core.images.other_files import is_picture_suffix, readable_kind

_PACKED = r"(\.(gz|gzip|zlib))?$"  # a shard may be compressed; checksums and indices beside it are not shards


class Sign(IntEnum):
    """How the format of a file is recognised. The most certain sign is tried first."""

    FIRST_BYTES = 1
    NAME = 2
    CONTENT = 3


@dataclass(frozen=True)
class DataFiles:
    """The files of one dataset: a single file, or the shards in a folder or pattern."""

    path: Path
    files: tuple[Path, ...]
    open_images: Callable[[Path, Choices], Dataset]  # opens another dataset without its own labels file
    first_bytes: bytes = b""  # of a single file
    use_labels_file: bool = True  # False: ignore a labels file among the images
    choices: Choices = NOTHING_CHOSEN

    @cached_property
    def first_names(self) -> tuple[str, ...] | None:
        """The names of the first few files in the tar; None if the file is not a tar of files. Raises DatasetError."""
        return first_names(self.path, self.first_bytes)

    @cached_property
    def zip_files(self) -> ZipFiles | None:
        """The files in the ZIP; None if the file is not a ZIP. Raises DatasetError when the ZIP is damaged."""
        return ZipFiles(self.path, self.choices.zip_encoding) if zipfile.is_zipfile(self.path) else None


@dataclass(frozen=True)
class Format:
    """One format of datasets."""

    title: str  # short name for lists
    help: str  # what it is, as a part of a sentence
    labels: str  # where the labels come from, as a part of a sentence
    suffixes: tuple[str, ...]  # lower-case ends of file names
    sign: Sign
    sniff: Callable[[DataFiles], bool]  # True if a single file has this format
    open: Callable[[DataFiles], Dataset]
    damaged: Callable[[str], DatasetError] | None = None  # error for a file with this suffix that is something else
    shards: re.Pattern[str] | None = None  # matches names of files that form one dataset together
    count: Callable[[Path], int] | None = None  # images in a shard, if that is quick to tell; raises OSError
    pools: bool = True  # the shards of several splits can be one dataset
    several: bool = False  # several uploaded files may make one dataset
    uploadable: bool = True
    in_library: bool = True  # files in the folder of datasets are offered


def _begins_with(magic: bytes) -> Callable[[DataFiles], bool]:
    return lambda data: data.first_bytes.startswith(magic)


def _begins_wrong(kind: str) -> Callable[[str], DatasetError]:
    return lambda name: DatasetError(
        f"{name} is damaged: it does not begin like a {kind} file.", "Upload or copy it again.", "damaged"
    )


def _is_npz(data: DataFiles) -> bool:
    names = data.zip_files.names if data.zip_files else ()
    return not any(map(is_image_name, names)) and any(name.endswith(".npy") for name in names)


def _is_picture(data: DataFiles) -> bool:
    """True also for pictures of kinds that are not read: opening them tells why."""
    suffix = data.path.suffix.lower()
    return (
        is_image_name(data.path.name)
        or is_picture_suffix(suffix)
        or (not suffix and bool(readable_kind(data.first_bytes)))
    )


def _is_idx_zip(data: DataFiles) -> bool:
    names = data.zip_files.names if data.zip_files else ()
    return not any(map(is_image_name, names)) and any(map(is_idx_name, names))


def _open_npy(data: DataFiles) -> Dataset:
    files = data.files
    if files == (data.path,) and data.use_labels_file and (labels := labels_beside(data.path)):
        files = (data.path, labels)
    return open_arrays(data.path, files)


def _open_idx(data: DataFiles) -> Dataset:
    if data.files != (data.path,):
        return open_idx_files(data.path, data.files)
    return open_idx_zip(data.path, data.choices.split) if data.zip_files else open_idx_file(data.path)


def _open_zip(data: DataFiles) -> Dataset:
    files = data.zip_files
    assert files is not None  # checked by `sniff`
    dataset = ImageFiles(data.path, files, data.choices, data.use_labels_file)
    if files.question:
        dataset.questions = (files.question, *dataset.questions)
    dataset.notes = (*files.notes, *dataset.notes)
    return dataset


def _open_tar(data: DataFiles) -> Dataset:
    files = TarFiles(data.path)
    dataset = ImageFiles(data.path, files, data.choices, data.use_labels_file)
    dataset.notes = (*files.notes, *dataset.notes)
    return dataset


def _open_tfrecord(data: DataFiles) -> Dataset:
    refuse_compressed(data.path, data.first_bytes)
    return TFRecordImages(data.path, data.files, data.choices.split)


# Texts list the formats in this order. Opening tries them in the order of their signs.
FORMATS = (
    Format(
        title="ZIP",
        help="a ZIP of images at any depth",
        labels="class folders (cat/1.png, dog/1.png ...) or a labels file (CSV, JSON or Parquet of file and label), in it or "
        "uploaded together with it",
        suffixes=(".zip",),
        sign=Sign.CONTENT,
        sniff=lambda data: data.zip_files is not None and not _is_npz(data) and not _is_idx_zip(data),
        open=_open_zip,
        damaged=incomplete_zip,
    ),
    Format(
        title="tar",
        help="a tar of images at any depth, plain or compressed with gzip",
        labels="the same as in a ZIP",
        suffixes=(".tar", ".tar.gz", ".tgz"),
        sign=Sign.CONTENT,
        sniff=lambda data: data.first_names is not None and not has_batches(data.first_names),
        open=_open_tar,
        damaged=incomplete_tar,
    ),
    Format(
        title="image files",
        help="image files",
        labels="a labels file beside them",
        suffixes=tuple(sorted(SUFFIXES)),
        sign=Sign.NAME,
        sniff=_is_picture,
        open=lambda data: ImageFiles(data.path, FolderFiles(data.path.parent, [data.path.name]), data.choices),
        several=True,
        in_library=False,  # in the folder of datasets, users choose the folder of the images
    ),
    Format(
        title=".npz",
        help="an .npz of uint8 images (N, height, width, channels)",
        labels="an array beside the images",
        suffixes=(".npz",),
        sign=Sign.CONTENT,
        sniff=_is_npz,
        open=lambda data: ArrayImages(data.path, npy.open_npz(data.path), split=data.choices.split),
        damaged=incomplete_zip,
    ),
    Format(
        title=".npy",
        help="an .npy of uint8 images (N, height, width, channels)",
        labels="a second .npy such as labels.npy, in the order of the images",
        suffixes=(".npy",),
        sign=Sign.FIRST_BYTES,
        sniff=_begins_with(npy.MAGIC),
        open=_open_npy,
        damaged=_begins_wrong("NumPy"),
        shards=re.compile(rf"(^|/)({'|'.join((*IMAGE_KEYS, *LABEL_KEYS))})\.npy$", re.IGNORECASE),
        pools=False,
        several=True,
    ),
    Format(
        title="idx",
        help="the idx files of MNIST, plain or compressed with gzip",
        labels="the file of labels beside the one of images",
        suffixes=(".idx3-ubyte", ".idx1-ubyte", ".gz"),
        sign=Sign.CONTENT,
        sniff=lambda data: begins_like_idx(data.path, data.first_bytes) or _is_idx_zip(data),
        open=_open_idx,
        shards=re.compile(rf"(^|/){NAME.pattern}$", re.IGNORECASE),
        pools=False,
        several=True,
        in_library=False,  # in the folder of datasets, users choose the folder of the files
    ),
    Format(
        title="Parquet",
        help="a Parquet file of images (the layout of Hugging Face)",
        labels="a column",
        suffixes=(".parquet",),
        sign=Sign.FIRST_BYTES,
        sniff=_begins_with(parquet_images.MAGIC),
        open=lambda data: ParquetImages(data.path, data.files, data.choices.split),
        damaged=_begins_wrong("Parquet"),
        shards=re.compile(r"\.parquet" + _PACKED, re.IGNORECASE),
        count=parquet_images.count_rows,
    ),
    Format(
        title="TFRecord",
        help="a TFRecord file of images (tf.train.Example)",
        labels="a feature",
        suffixes=(".tfrecord", ".tfrecords"),
        sign=Sign.CONTENT,
        sniff=lambda data: begins_like_tfrecord(data.first_bytes) or is_compressed(data.path, data.first_bytes),
        open=_open_tfrecord,
        damaged=_begins_wrong("TFRecord"),
        shards=re.compile(r"\.tfrecords?([-_.]?\d+([-_]of[-_]\d+)?)?" + _PACKED, re.IGNORECASE),
    ),
    Format(
        title="CIFAR-10",
        help="the CIFAR-10 archive",
        labels="the archive",
        suffixes=(),  # those of any tar
        sign=Sign.CONTENT,
        sniff=lambda data: data.first_names is not None and has_batches(data.first_names),
        open=lambda data: Cifar10Images(data.path),
    ),
    Format(
        title="described dataset",
        help="a description of a dataset whose labels lie elsewhere (.dataset.json)",
        labels="the labels file that it names",
        suffixes=(DESCRIPTION,),
        sign=Sign.NAME,
        sniff=lambda data: data.path.name.endswith(DESCRIPTION),
        open=lambda data: DescribedDataset(data.path, data.open_images, data.choices),
        uploadable=False,  # it names files on the server, which only the operator may choose
    ),
)


def either(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


OFFERED = tuple(each for each in FORMATS if each.uploadable)
PATTERN = "'photos/**/*.jpg'"  # quoted for the shell
FOLDERS = f"a folder or a pattern ({PATTERN}) of image files, {either([each.title for each in FORMATS if each.shards])}"
KINDS = (
    f"Give {'; '.join(each.help for each in OFFERED)}; or {FOLDERS}. "
    "Image files get their labels from class folders (cat/1.png, dog/1.png ...) or from a labels file."
)
