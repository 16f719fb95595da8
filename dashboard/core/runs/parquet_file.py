"""Parquet files with a checksum of all their bytes.

The checksums of Parquet cover its pages, but not the footer, where the types and the places of all columns stand. So a
CRC-32 of the whole file is written between the last page and the footer, where readers of Parquet do not look.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.files import check_regular, open_atomically

_MARK = b"CRC-32 of the other bytes: "
_CRC_BYTES = 4
_END_BYTES = 8  # the length of the footer and the name of the format
_BLOCK_BYTES = 2**20


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Writes a Parquet file with checksums, completely or not at all. Raises OSError; also if its folder is missing."""
    with open_atomically(path, make_folder=False) as out:
        with pq.ParquetWriter(out, schema, write_page_checksum=True) as writer:
            yield writer
        footer_at = _footer_at(out)
        crc, footer = _crc(out, footer_at), out.read()
        out.seek(footer_at)
        out.write(_MARK + zlib.crc32(footer, crc).to_bytes(_CRC_BYTES, "little") + footer)


def open_parquet(path: Path, **options: Any) -> pq.ParquetFile:
    """Opens a file that `parquet_writer`, or an earlier version without it, has written.

    Its checksum is compared once, and again when the file has changed.

    Args:
        options: of `pq.ParquetFile`.

    Raises:
        OSError: it is missing, no regular file, or its checksum does not match.
        Exception: any other, if the file is damaged and has no checksum.
    """
    check_regular(path)
    state = path.stat()
    _check(path, state.st_ino, state.st_mtime_ns, state.st_size)
    # not mapped into memory: the process would die if somebody copied another file over this one (SIGBUS)
    return pq.ParquetFile(path, memory_map=False, page_checksum_verification=True, **options)


@lru_cache(2**16)
def _check(path: Path, *state: int) -> None:
    """Raises OSError if the checksum of the file, which is in this state, does not match."""
    with path.open("rb") as file:
        footer_at = _footer_at(file)
        mark_at = footer_at - len(_MARK) - _CRC_BYTES
        if mark_at < 0:
            return  # it is no Parquet file, as its reader will say
        crc = _crc(file, mark_at)
        mark, stored, footer = file.read(len(_MARK)), file.read(_CRC_BYTES), file.read()
        if mark == _MARK and zlib.crc32(footer, crc) != int.from_bytes(stored, "little"):
            raise OSError(f"{path.name}: its checksum does not match")


def _footer_at(file: IO[bytes]) -> int:
    """Where the footer begins; negative if the file has none."""
    end = file.seek(0, os.SEEK_END) - _END_BYTES
    if end < 0:
        return end
    file.seek(end)
    return end - int.from_bytes(file.read(4), "little")


def _crc(file: IO[bytes], end: int) -> int:
    """The CRC-32 of the bytes before `end`, which is then the place in the file."""
    file.seek(0)
    crc = 0
    while end > 0 and (block := file.read(min(_BLOCK_BYTES, end))):
        crc = zlib.crc32(block, crc)
        end -= len(block)
    return crc
