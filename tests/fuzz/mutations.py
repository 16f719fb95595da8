"""Damages bytes at random. Each mutation takes a random generator and the data, and returns other data."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

Mutation = Callable[[random.Random, bytes], bytes]

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
_MOST_BYTES = 2**20  # of a mutated input


def flip(rng: random.Random, data: bytes) -> bytes:
    """One to eight bits, anywhere."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: random.Random, data: bytes) -> bytes:
    """A few bytes in a row."""
    start = rng.randrange(len(data) + 1)
    new = rng.randbytes(rng.randrange(1, 17))
    return data[:start] + new + data[start + len(new) :]


def cut(rng: random.Random, data: bytes) -> bytes:
    """The end, the beginning, or a part in the middle is missing."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice((data[:start], data[end:], data[:start] + data[end:]))


def insert(rng: random.Random, data: bytes) -> bytes:
    """More bytes than there should be."""
    start = rng.randrange(len(data) + 1)
    return data[:start] + rng.randbytes(rng.randrange(1, 64)) + data[start:]


def repeat(rng: random.Random, data: bytes) -> bytes:
    """A block is there several times."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    times = rng.choice((2, 3, 100))
    return (data[:start] + data[start:end] * times + data[end:])[:_MOST_BYTES]


def move(rng: random.Random, data: bytes) -> bytes:
    """A block is in another place."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    rest = data[:start] + data[end:]
    to = rng.randrange(len(rest) + 1)
    return rest[:to] + data[start:end] + rest[to:]


def number(rng: random.Random, data: bytes) -> bytes:
    """A length, a count or an offset is huge, negative or zero."""
    size, form = rng.choice(((1, "B"), (2, "H"), (4, "I"), (8, "Q")))
    value = rng.choice(_NUMBERS) & (2 ** (8 * size) - 1)
    start = rng.randrange(max(1, len(data) - size))
    return data[:start] + struct.pack(rng.choice("<>") + form, value) + data[start + size :]


def shift_number(rng: random.Random, data: bytes) -> bytes:
    """A byte is a little larger or smaller."""
    changed = bytearray(data or b"\0")
    at = rng.randrange(len(changed))
    changed[at] = (changed[at] + rng.randrange(-4, 5)) % 256
    return bytes(changed)


def splice(others: Sequence[bytes]) -> Mutation:
    """The beginning of one input and the end of another."""

    def mutation(rng: random.Random, data: bytes) -> bytes:
        other = rng.choice(others)
        return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]

    return mutation


RAW: tuple[Mutation, ...] = (flip, flip, overwrite, cut, insert, repeat, move, number, number, shift_number)
