"""Opens Parquet files of users, which may be overwritten while they are open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_BUFFER_BYTES = 2**20  # read ahead; without a buffer, Arrow reads a whole column of a row group into memory


def open_parquet(source: Path | pa.NativeFile, as_dictionary: Sequence[str] = ()) -> pq.ParquetFile:
    """A Parquet file whose pages are verified where they have checksums. Raises OSError, ArrowException and others.

    It is not memory-mapped: the process would die if another program made the file shorter.

    Args:
        as_dictionary: columns to read as dictionaries.
    """
    return pq.ParquetFile(
        source,
        memory_map=False,
        pre_buffer=False,
        buffer_size=_BUFFER_BYTES,
        read_dictionary=list(as_dictionary),
        page_checksum_verification=True,
    )


def state_of_file(path: Path) -> tuple[int, int, int]:
    """What differs after a file was written or replaced: inode, size in bytes, time of the last write. Raises OSError."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
