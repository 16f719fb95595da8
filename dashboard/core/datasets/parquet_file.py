"""Opens Parquet files of users, which may be overwritten while they are open, and compares their checksums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_TIMES = 4  # what a row group may have in other columns
_BUFFER_BYTES = 2**20  # read at a time of a column


def open_parquet(source: Path | pa.Buffer, as_dictionary: Sequence[str] = ()) -> pq.ParquetFile:
    """Opens a Parquet file, or its content. Damage can make it raise any exception, also later; see `core.parsing`.

    The file is not mapped into memory: whoever writes over it would end this process (SIGBUS).

    Args:
        as_dictionary: columns of which each different value is kept once.
    """
    file = source if isinstance(source, Path) else pa.BufferReader(source)
    return pq.ParquetFile(
        file,
        memory_map=False,
        pre_buffer=False,  # else a column of a row group is read as a whole
        buffer_size=_BUFFER_BYTES,
        read_dictionary=list(as_dictionary),
        page_checksum_verification=True,
    )


def state_of_file(path: Path) -> tuple[int, int, int]:
    """What differs after a file was written or replaced: inode, size in bytes, time of the last write. Raises OSError."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def read_columns(file: pq.ParquetFile, columns: Sequence[str], most_bytes: int) -> pa.Table | None:
    """Some columns of a file, or None if they take more than `most_bytes` of memory. May raise as `open_parquet` says.

    The metadata of single columns are not asked: if these are damaged, Arrow ends the whole process.
    """
    tables, size = [], 0
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        if group.total_byte_size > _TIMES * most_bytes:
            return None
        tables.append(file.read_row_group(number, columns=list(columns)))
        if len(tables[-1]) != group.num_rows:  # Arrow does not compare them
            raise ValueError(
                f"it is damaged: {' and '.join(columns)[:80]} should have {group.num_rows:,} rows, and has {len(tables[-1]):,}"
            )
        _check_indices(tables[-1])
        size += tables[-1].nbytes
        if size > most_bytes:
            return None
    return pa.concat_tables(tables) if tables else file.read(columns=list(columns))


def _check_indices(table: pa.Table) -> None:
    """Raises ValueError if a row refers to none of the values that a column keeps once; Arrow does not check that."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        for chunk in column.chunks if pa.types.is_dictionary(column.type) else ():
            found, count = pc.min_max(chunk.indices).as_py(), len(chunk.dictionary)
            if found["min"] is not None and not 0 <= found["min"] <= found["max"] < count:
                raise ValueError(
                    f"it is damaged: a row of its column {name[:80]!r} refers to value number {found['max']}, but the column "
                    f"has {count} different values, counted from 0"
                )
