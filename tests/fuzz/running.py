"""Runs one parser on many inputs in a process of its own, so that a crash or a hang is counted and the run goes on."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.parser import SLOWEST_S, Fuzzer, Parser, contents_of, smallest

MOST_BYTES = 2 * 2**30  # of memory, for one input
_ADDRESS_SPACE = 2 * MOST_BYTES  # more than a parser had before its first input; then it gets a MemoryError
_GRACE_S = 5.0
_BEGIN_S = 120.0  # to import what the parser needs, and to read the seeds
_POLL_S = 0.2


@dataclass
class Result:
    """What came of the inputs of one parser."""

    name: str
    inputs: int = 0
    faults: int = 0
    silent: int = 0
    slowest_s: float = 0.0
    peak_mb: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)  # fault -> number of inputs


def run_parser(name: str, seed: int, inputs: int, kept: Path) -> Result:
    """Tries the inputs. Those that fault are kept below `kept`, the smallest of each kind.

    Raises:
        RuntimeError: the parser refuses its own seeds.
    """
    result, first = Result(name), 0
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as scratch:
        while first < inputs:
            first = _run_child(result, seed, first, inputs, kept, Path(scratch))
    return result


def _run_child(result: Result, seed: int, first: int, last: int, kept: Path, scratch: Path) -> int:
    """Runs a process on inputs from `first` on. Returns the number of the next input."""
    progress, log = scratch / "progress", scratch / "log"
    progress.write_text(str(first))
    with log.open("wb") as out, (scratch / "errors").open("wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.running", result.name, str(seed), str(first), str(last), str(kept), str(progress)],
            stdout=out, stderr=errors, env={**os.environ, "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        hung = _wait(child, progress, log)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    for line in lines:
        _add(result, line)
    if child.returncode == 0:
        return last
    if not lines:
        raise RuntimeError(f"{result.name} cannot begin: {(scratch / 'errors').read_text(errors='replace')[-2000:]}")
    at = int(progress.read_text() or first)
    fault = f"it took longer than {SLOWEST_S:.0f} s" if hung else f"the process ended with {child.returncode}"
    result.inputs += at + 1 - first
    _count(result, fault)
    result.slowest_s = max(result.slowest_s, SLOWEST_S if hung else 0.0)
    _keep(kept, result.name, fault, Fuzzer(_parser(result.name), seed).data(at)[0])
    return at + 1


def _wait(child: subprocess.Popen[bytes], progress: Path, log: Path) -> bool:
    """Waits for the process. True if it had to be killed, because one input took too long."""
    seen, since = (False, ""), time.monotonic()
    while child.poll() is None:
        time.sleep(_POLL_S)
        has_begun = log.stat().st_size > 0
        now = has_begun, progress.read_text()
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > (SLOWEST_S + _GRACE_S if has_begun else _BEGIN_S):
            child.kill()
            child.wait()
            return True
    return False


def _add(result: Result, line: dict[str, Any]) -> None:
    if "fault" in line:
        _count(result, line["fault"])
    if "inputs" in line:
        result.inputs += line["inputs"]
        result.silent += line["silent"]
    result.slowest_s = max(result.slowest_s, line.get("slowest_s", 0.0))
    result.peak_mb = max(result.peak_mb, line.get("peak_mb", 0.0))


def _count(result: Result, fault: str) -> None:
    result.faults += 1
    result.kinds[fault] = result.kinds.get(fault, 0) + 1


def _keep(kept: Path, name: str, fault: str, data: bytes) -> None:
    """Keeps an input unless a smaller one with the same fault is kept already."""
    kind = "".join(c if c.isalnum() else "-" for c in fault.partition(" (")[0])[:100]
    target = kept / name / kind
    if not target.exists() or target.stat().st_size > len(data):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _parser(name: str) -> Parser:
    from tests.fuzz.parsers import PARSERS

    return PARSERS[name]


def peak_bytes() -> int:
    """The most memory that this process ever had. `getrusage` would also count that of the process that started it."""
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def empty_folder(root: Path, name: str) -> Iterator[Path]:
    """A folder that is deleted afterwards."""
    place = root / name
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _child(name: str, seed: int, first: int, last: int, kept: Path, progress: Path) -> None:
    """Tries the inputs of a range, and prints a JSON line for each fault and one at the end."""
    warnings.simplefilter("ignore")
    root = Path(tempfile.mkdtemp())
    fuzzer = Fuzzer(_parser(name), seed)
    contents = contents_of(fuzzer.parser, fuzzer.seeds, root)
    base = peak_bytes()
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (pages + _ADDRESS_SPACE, resource.RLIM_INFINITY))
    print(json.dumps({"peak_mb": base / 2**20}), flush=True)
    silent, slowest = 0, 0.0
    seen: set[str] = set()
    with progress.open("r+b", buffering=0) as at:
        for number in range(first, last):
            os.pwrite(at.fileno(), str(number).encode(), 0)
            with empty_folder(root, str(number)) as place:
                found = fuzzer.try_input(number, place, contents)
            fault = found.fault or (
                f"it took more than {MOST_BYTES // 2**30} GB" if peak_bytes() - base > MOST_BYTES else ""
            )
            silent += found.silent
            slowest = max(slowest, found.seconds)
            if found.silent:
                _keep(kept, name, "silent", fuzzer.data(number)[0])
            if fault:
                print(json.dumps({"fault": fault}), flush=True)
                data = fuzzer.data(number)[0]
                kind = fault.partition(" (")[0]
                if found.fault and kind not in seen and found.seconds < 1:
                    with empty_folder(root, "smaller") as place:
                        data = smallest(fuzzer.parser, data, found.fault, place)
                seen.add(kind)
                _keep(kept, name, fault, data)
            if peak_bytes() - base > MOST_BYTES:  # the peak stays, so another process goes on
                print(
                    json.dumps({"inputs": 0, "silent": silent, "slowest_s": slowest, "peak_mb": peak_bytes() / 2**20})
                )
                sys.exit(3)
    line = {"inputs": last - first, "silent": silent, "slowest_s": slowest, "peak_mb": peak_bytes() / 2**20}
    print(json.dumps(line), flush=True)
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]), Path(sys.argv[6]))
