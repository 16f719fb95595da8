"""Reading a gzip file from any position."""

from __future__ import annotations

import gzip
import io
import zlib

import numpy as np
import psutil
import pytest

from dashboard.core.datasets import seekable_gzip
from dashboard.core.datasets.seekable_gzip import Expands, SeekableGzip


@pytest.fixture(scope="module")
def content() -> bytes:
    """Six megabytes that are in turn hard and easy to compress."""
    rng = np.random.default_rng(0)
    return rng.bytes(2_500_000) + b"a" * 1_000_000 + rng.integers(0, 20, 2_500_000, np.uint8).tobytes()


def opened(data: bytes) -> SeekableGzip:
    return SeekableGzip(io.BytesIO(data))


def reads_anywhere(file: SeekableGzip, content: bytes) -> bool:
    assert file.read(len(content) + 10) == content and file.read(1) == b""
    rng = np.random.default_rng(1)
    for start, size in zip(rng.integers(0, len(content), 100), rng.integers(0, 100_000, 100), strict=True):
        assert file.seek(int(start)) == file.tell() == start
        assert file.read(int(size)) == content[start : start + size]
    return file.seek(len(content) + 99) == len(content)


def test_any_position_is_reached(content: bytes) -> None:
    assert reads_anywhere(opened(gzip.compress(content)), content)


def test_a_position_is_reached_without_unpacking_all_before_it(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seekable_gzip, "_FIRST_DISTANCE", 2**18)
    source = io.BytesIO(gzip.compress(content))
    file = SeekableGzip(source)
    file.seek(len(content))
    file.seek(5_000_000)
    assert file.read(100) == content[5_000_000:5_000_100]
    far = source.tell()
    file.seek(0)
    file.read(100)
    assert source.tell() <= 2 * seekable_gzip._BLOCK_BYTES < far


def test_parts_with_zeros_between_and_after_them_are_one_file(content: bytes) -> None:
    parts = gzip.compress(content[:3_000_000]) + bytes(100) + gzip.compress(b"") + gzip.compress(content[3_000_000:])
    assert reads_anywhere(opened(parts + bytes(700)), content)


def test_the_states_that_are_kept_are_few(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seekable_gzip, "_MOST_POINTS", 8)
    monkeypatch.setattr(seekable_gzip, "_FIRST_DISTANCE", 2**16)
    file = opened(gzip.compress(content))
    assert reads_anywhere(file, content) and 2 < len(file._points) <= 8


@pytest.mark.parametrize("cut", [1, 4, 8, 100, 2_000_000])
def test_a_file_that_is_cut_off_says_so(content: bytes, cut: int) -> None:
    with pytest.raises(EOFError):
        opened(gzip.compress(content)[:-cut]).read(len(content) + 1)


def test_damage_is_noticed(content: bytes) -> None:
    data = gzip.compress(content[3_000_000:])
    for place in np.linspace(20, len(data) - 9, 10, dtype=int):
        damaged = bytearray(data)
        damaged[place] ^= 0x55
        with pytest.raises((zlib.error, EOFError)):
            opened(bytes(damaged)).read(len(content))
    with pytest.raises(zlib.error):
        opened(data[:-8] + bytes(4) + data[-4:]).read(len(content))  # the checksum alone


def test_what_expands_without_measure_is_stopped() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(bytes(2**20)) for _ in range(400)) + compressor.flush()
    file, before = opened(bomb), psutil.Process().memory_info().rss
    with pytest.raises(Expands):
        file.seek(400 * 2**20)
    assert len(bomb) < 500_000 and psutil.Process().memory_info().rss - before < 50 * 2**20
