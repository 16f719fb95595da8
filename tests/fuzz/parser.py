"""A parser under test, and what comes of one input."""

from __future__ import annotations

import hashlib
import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dashboard.core.errors import DashboardError
from tests.fuzz.mutations import Mutation, splice
from tests.fuzz.structured import raw

SLOWEST_S = 20.0
_SHARE_COVERED = 0.25  # of the inputs, for parsers of files with checksums

Content = frozenset[str]  # digests of what was read


@dataclass(frozen=True)
class Parser:
    """One parser: inputs that it accepts, and how to call it."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, Path], Content]  # data and a folder of its own; raises DashboardError
    structured: Sequence[Mutation] = ()  # besides the mutations of bytes
    covered: Callable[[bytes], tuple[int, int]] | None = None  # the bytes of a seed that checksums protect
    is_slow: bool = False  # takes much of a second an input, and a process of its own, which imports TensorFlow


@dataclass(frozen=True)
class Outcome:
    """What came of one input."""

    fault: str = ""  # the exception and where it was raised, or how long it took; "" if the parser did right
    silent: bool = False  # damage that a checksum should have told was read as other content
    seconds: float = 0.0
    accepted: bool = False


@dataclass
class Fuzzer:
    """Makes the inputs of one parser. Input number `i` is the same in every run with this seed."""

    parser: Parser
    seed: int
    seeds: Sequence[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.seeds = self.parser.seeds()

    @cached_property
    def _mutations(self) -> Sequence[Mutation]:
        return [raw, *self.parser.structured, splice(self.seeds)]

    def data(self, number: int) -> tuple[bytes, bool]:
        """The input, and whether it is damage that checksums protect from."""
        rng = random.Random(f"{self.seed}/{self.parser.name}/{number}")
        seed = rng.choice(self.seeds)
        if self.parser.covered and rng.random() < _SHARE_COVERED:
            start, end = self.parser.covered(seed)
            changed = bytearray(seed)
            for _ in range(rng.choice((1, 1, 2, 3))):
                changed[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
            return bytes(changed), bytes(changed) != seed
        return rng.choice(self._mutations)(rng, seed), False

    def try_input(self, number: int, folder: Path, contents: Content) -> Outcome:
        """What comes of an input. `contents` is what the seeds hold."""
        data, covered = self.data(number)
        return outcome(self.parser, data, folder, contents if covered else None)


def contents_of(parser: Parser, seeds: Sequence[bytes], folder: Path) -> Content:
    """What the seeds hold together. Raises AssertionError if one is refused, since then the fuzzing would test nothing."""
    found: set[str] = set()
    for number, seed in enumerate(seeds):
        place = folder / f"seed-{number}"
        place.mkdir(parents=True)
        try:
            found |= parser.read(seed, place)
        except DashboardError as error:
            raise AssertionError(f"{parser.name}: the seed {number} is refused: {error}") from error
    return frozenset(found)


def outcome(parser: Parser, data: bytes, folder: Path, contents: Content | None = None) -> Outcome:
    """What comes of data.

    Args:
        folder: an empty folder, in which the parser's file is written.
        contents: what a reader may find in it, if a checksum protects it from showing anything else.
    """
    start = time.perf_counter()
    fault, silent, accepted = "", False, False
    try:
        found = parser.read(data, folder)
        accepted = True
        silent = contents is not None and not found <= contents
    except DashboardError as error:
        if not error.message or "Traceback" in error.message:
            fault = f"{type(error).__name__} without a message"
        try:
            str(error).encode()
        except UnicodeEncodeError:
            fault = f"{type(error).__name__} {error.code} with a message that cannot be written"
    except Exception as error:
        fault = place_of(error)
    seconds = time.perf_counter() - start
    if seconds > SLOWEST_S:
        fault = fault or f"it took longer than {SLOWEST_S:.0f} s"
    return Outcome(fault, silent, seconds, accepted)


def place_of(error: BaseException) -> str:
    """The kind of an exception and the last line of the dashboard that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = next((f for f in reversed(frames) if "/dashboard/" in f.filename), frames[-1])
    return (
        f"{type(error).__name__} in {ours.filename.rpartition('/dashboard/')[2]}:{ours.lineno} ({str(error)[:120]!r})"
    )


def digest(*parts: bytes) -> str:
    """A short digest of content."""
    found = hashlib.blake2b(digest_size=12)
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()


def smallest(parser: Parser, data: bytes, fault: str, folder: Path, seconds: float = 10.0) -> bytes:
    """A smaller input with the same fault: parts are left out as long as the fault stays."""
    kind, until, n, tries = fault.partition(" (")[0], time.perf_counter() + seconds, 2, 0
    while n <= max(2, len(data)) and time.perf_counter() < until:
        size = max(1, len(data) // n)
        for start in range(0, len(data), size):
            shorter = data[:start] + data[start + size :]
            tries += 1
            place = folder / f"smaller-{tries}"
            place.mkdir(parents=True)
            if outcome(parser, shorter, place).fault.partition(" (")[0] == kind:
                data = shorter
                break
            if time.perf_counter() > until:
                break
        else:
            if size == 1:
                break
            n *= 2
    return data
