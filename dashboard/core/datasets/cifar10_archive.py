"""The official CIFAR-10 Python archive: download, verify, read.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import gzip
import io
import pickle
import pickletools
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np

from dashboard.core.datasets.download import OnProgress, fetch
from dashboard.core.datasets.seekable_gzip import MAGIC as GZIP
from dashboard.core.errors import DatasetError
from dashboard.core.files import sha256_of
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.parsing import parsing, reason

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
FILE_NAME = "cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

MAX_BATCH_BYTES = 64 * 2**20  # the official batches are 31 MB, re-pickled ones 45 MB
MAX_MEMO_INDEX = 100_000  # the real files use 30,000; unpickling allocates the memo up to the highest index
MAX_OPCODES = 1_000_000  # the real files have 70,000; one byte of pickle can create an object of 56 bytes
CHUNK_BYTES = 2**18

_OFFICIAL = "Use the official archive; it does not ask for other code."
_OWN_IMAGES = "put your own images into a ZIP"


Split = Literal["train", "test"]
_MEMBERS: dict[Split, tuple[str, ...]] = {
    "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
    "test": ("test_batch",),
}
_ADMITTED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


@dataclass(frozen=True)
class LabelledImages:
    """Images with their classes."""

    images: np.ndarray  # (N, 32, 32, 3) uint8 RGB
    labels: np.ndarray  # (N,) int64, indices into CLASS_NAMES
    file_names: tuple[str, ...]


def has_batches(names: Iterable[str]) -> bool:
    """True if one of the names of files in a tar is the one of a batch."""
    batches = {name for split in _MEMBERS.values() for name in split}
    return any(Path(name).name in batches for name in names)


def read(archive: Path, split: Split) -> LabelledImages:
    """Reads one split of the archive at `archive`.

    Raises:
        DatasetError: the file is missing, truncated, or holds anything but the expected arrays.
    """
    batches = list(read_batches(archive, split))
    return LabelledImages(
        np.concatenate([b.images for b in batches]),
        np.concatenate([b.labels for b in batches]),
        tuple(name for b in batches for name in b.file_names),
    )


def read_batches(archive: Path, split: Split) -> Iterator[LabelledImages]:
    """Reads the split one batch file at a time. Raises DatasetError as `read` does."""
    wanted = set(_MEMBERS[split])
    with (
        parsing(
            lambda error: DatasetError(
                f"{archive.name} cannot be read as the CIFAR-10 archive: {reason(error)}.",
                f"If it is CIFAR-10, delete it and run `python -m dashboard data get-cifar10`; {_OWN_IMAGES}.",
            )
        ),
        _unpacked(archive) as unpacked,
        tarfile.open(fileobj=unpacked, mode="r:") as tar,
    ):
        for member in tar:
            name = Path(member.name).name
            if name in wanted and member.isfile():
                wanted.remove(name)
                yield _read_member(tar, member, archive)
        while unpacked.read(CHUNK_BYTES):  # gzip checks its checksum only at the end
            pass
    if wanted:
        raise DatasetError(
            f"{archive.name} lacks {', '.join(sorted(wanted))}.",
            f"Use the Python version of the archive, {URL}; {_OWN_IMAGES}.",
        )


def _unpacked(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        compressed = file.read(len(GZIP)) == GZIP
    return cast(IO[bytes], gzip.open(archive)) if compressed else archive.open("rb")  # the caller closes it


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path) -> LabelledImages:
    if member.size > MAX_BATCH_BYTES:
        raise DatasetError(
            f"{archive.name}: {member.name} is {member.size / 2**20:.0f} MB, too large for a CIFAR-10 batch."
        )
    file = tar.extractfile(member)
    assert file is not None  # a regular file
    return _parse_batch(file.read(), f"{archive.name}: {member.name}")


def _parse_batch(data: bytes, where: str) -> LabelledImages:
    record = load_restricted(data, where)
    with parsing(lambda error: DatasetError(f"{where} is not a CIFAR-10 batch: {reason(error)}.", _OFFICIAL)):
        pixels = record["data"]
        labels = np.asarray(record["labels"], dtype=np.int64)
        names = tuple(n.decode() if isinstance(n, bytes) else str(n) for n in record["filenames"])
        if (
            labels.ndim != 1
            or pixels.dtype != np.uint8
            or pixels.shape != (len(labels), 3072)
            or len(names) != len(labels)
        ):
            raise ValueError(f"data is {pixels.dtype} {pixels.shape} for {len(labels)} labels and {len(names)} names")
        if labels.min() < 0 or labels.max() >= len(CLASS_NAMES):
            raise ValueError("labels outside 0-9")
        # stored as (3, 32, 32), one colour plane after the other
        images = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return LabelledImages(images, labels, names)


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED_GLOBALS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR-10 file needs")
        return _encode_latin1 if name == "encode" else super().find_class(module, name)


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Replaces `_codecs.encode`, which offers codecs that take very long."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


def load_restricted(data: bytes, where: str) -> dict[str, Any]:
    """Unpickles a CIFAR-10 batch, admitting only the five globals that such a file needs.

    `find_class` follows "Restricting Globals" in Python's documentation. The opcodes are checked before, because a few
    bytes (a memo index, a length) can make the unpickler allocate gigabytes.

    Raises:
        DatasetError: the pickle holds something unexpected; no part of it was executed.
    """
    with parsing(lambda error: DatasetError(f"{where} was refused: {reason(error)}.", _OFFICIAL)):
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > MAX_OPCODES:
                raise pickle.UnpicklingError("it has more parts than a CIFAR-10 batch")
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > MAX_MEMO_INDEX:
                raise pickle.UnpicklingError("its memo index is out of bounds")
        record = _RestrictedUnpickler(io.BytesIO(data), encoding="latin1").load()
        if not isinstance(record, dict):
            raise ValueError(f"it holds a {type(record).__name__}")
        return {k.decode() if isinstance(k, bytes) else str(k): v for k, v in record.items()}


def download(
    folder: Path, on_progress: OnProgress = lambda done, total: None, url: str = URL, sha256: str = SHA256
) -> Path:
    """Downloads the archive into `folder` and verifies it; an existing file is only verified.

    Args:
        on_progress: called with (bytes so far, bytes in all or 0 if the server does not say).

    Raises:
        DatasetError: no network, or the content is not the official one; the fix says where to put a manual download.
    """
    target = folder / FILE_NAME
    if not target.exists():
        fetch(url, target, sha256, on_progress)
    elif sha256_of(target) != sha256:
        raise DatasetError(
            f"{target} exists already, but is not the official archive: its checksum does not match.",
            "Delete it, then download it again with `python -m dashboard data get-cifar10`.",
            "checksum",
        )
    return target
