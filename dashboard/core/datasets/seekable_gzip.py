"""Reads a gzip file from any position without unpacking it to disk.

The first pass over the file keeps copies of the decompressor's state at regular distances, as zran.c does, an example
that comes with zlib: https://github.com/madler/zlib/blob/develop/examples/zran.c. A later read starts at the nearest one.
"""

from __future__ import annotations

import bisect
import os
import zlib
from dataclasses import dataclass
from typing import IO, Any

MAGIC = b"\x1f\x8b"
_WITH_HEADER = 31  # wbits for gzip
_BLOCK_BYTES = 2**16
_FIRST_DISTANCE = 2 * 2**20
_MOST_POINTS = 512  # each takes 40 kB
MOST_RATIO = 100  # more than images and their headers in a tar ever give
_FREE_BYTES = 256 * 2**20  # whatever the ratio


class Expands(Exception):
    """The file expands to very much more than its size, like files that are made to exhaust memory."""


@dataclass(frozen=True)
class _Point:
    """A state from which unpacking can go on."""

    position: int  # of the next byte in the unpacked data
    offset: int  # of the next byte in the file
    decompressor: Any  # zlib's type has no public name; None between two members of the file
    in_member: bool


class SeekableGzip:
    """The unpacked content of a gzip file, with `read`, `seek` and `tell` of a file. Not thread-safe.

    Reading and seeking raise EOFError when the file is cut off, zlib.error when it is damaged, OSError when it cannot be
    read, and Expands.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Takes an opened file and closes it in `close`."""
        self._file = file
        self._points = [_Point(0, 0, None, False)]
        self._distance = _FIRST_DISTANCE
        self._go_on_at(self._points[0])

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def tell(self) -> int:
        """The position in the unpacked data."""
        return self._position

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a position in the unpacked data, or to its end if that comes first."""
        if whence == os.SEEK_CUR:
            position += self._position
        if position < 0 or whence == os.SEEK_END:
            raise ValueError("this position cannot be reached")
        nearest = self._points[bisect.bisect_right(self._points, position, key=lambda point: point.position) - 1]
        if position < self._position or nearest.position > self._position:
            self._go_on_at(nearest)
        while self._position < position and self._unpack(position - self._position):
            pass
        return self._position

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end."""
        parts = []
        while size > 0 and (part := self._unpack(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _go_on_at(self, point: _Point) -> None:
        self._file.seek(point.offset)
        self._position, self._waiting = point.position, b""
        self._in_member = point.in_member
        self._decompressor: Any = point.decompressor.copy() if point.in_member else None

    def _unpack(self, most: int) -> bytes:
        """The next bytes, at least 1 and at most `most` of them; b"" at the end."""
        while True:
            if not self._in_member and not self._begin_member():
                return b""
            unpacked = self._decompressor.decompress(self._waiting, min(most, _BLOCK_BYTES))
            had_input, self._waiting = bool(self._waiting), self._decompressor.unconsumed_tail
            if self._decompressor.eof:  # and its checksum is right
                self._waiting, self._in_member = self._decompressor.unused_data, False
            elif not unpacked and not self._waiting and not self._read_more() and not had_input:
                raise EOFError("the compressed data are cut off")
            if unpacked:
                self._position += len(unpacked)
                self._remember()
                return unpacked

    def _begin_member(self) -> bool:
        """Prepares for the next member of the file, after zeros that may precede it; False at the end of the file."""
        self._waiting = self._waiting.lstrip(b"\0")
        while not self._waiting:
            if not self._read_more():
                return False
            self._waiting = self._waiting.lstrip(b"\0")
        self._decompressor, self._in_member = zlib.decompressobj(_WITH_HEADER), True
        return True

    def _read_more(self) -> bool:
        self._waiting += (block := self._file.read(_BLOCK_BYTES))
        return bool(block)

    def _remember(self) -> None:
        """Keeps the state, if the last one that is kept is far away."""
        if self._position < self._points[-1].position + self._distance:
            return
        offset = self._file.tell() - len(self._waiting)
        if self._position > _FREE_BYTES and self._position > MOST_RATIO * offset:
            raise Expands
        state = self._decompressor.copy() if self._in_member else None
        self._points.append(_Point(self._position, offset, state, self._in_member))
        if len(self._points) > _MOST_POINTS:
            self._points = self._points[::2]
            self._distance *= 2
