"""`python -m tests.fuzz --inputs 10000 [--parser NAME ...] [--seed N] [--json]`. Exit code 1 if there is any fault."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.running import Result, run_parser

_HEADER = f"{'parser':<22}{'inputs':>9}{'faults':>9}{'silent':>9}{'slowest':>10}{'memory':>10}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parsers and prints a table or JSON."""
    from tests.fuzz.parsers import PARSERS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="damaged inputs of each parser")
    parser.add_argument("--parser", action="append", choices=sorted(PARSERS), help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other inputs")
    parser.add_argument("--jobs", type=int, default=1, help="parsers at a time")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that fault; default: a new one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    kept = given.keep or Path(tempfile.mkdtemp(prefix="fuzz-faults-"))
    with ThreadPoolExecutor(given.jobs) as pool:
        found = list(
            pool.map(lambda name: _run(name, given.seed, given.inputs, kept, given.json), given.parser or PARSERS)
        )
    faulty = [each for each in found if each.faults or each.silent]
    if given.json:
        print(json.dumps({"parsers": [_record(each) for each in found]}, indent=2))
    for each in faulty:
        for kind, count in sorted(each.kinds.items(), key=lambda item: -item[1]):
            print(f"{each.name}: {count:,} x {kind}", file=sys.stderr)
    if faulty:
        print(f"The smallest input of each kind is in {kept}.", file=sys.stderr)
    elif not given.keep:
        kept.rmdir()
    return int(any(each.faults for each in found))


def _run(name: str, seed: int, inputs: int, kept: Path, quiet: bool) -> Result:
    result = run_parser(name, seed, inputs, kept)
    out = sys.stderr if quiet else sys.stdout
    print(
        f"{name:<22}{result.inputs:>9,}{result.faults:>9,}{result.silent:>9,}{result.slowest_s:>8.2f} s{result.peak_mb:>7,.0f} MB",
        file=out, flush=True,
    )  # fmt: skip
    return result


def _record(result: Result) -> dict[str, object]:
    return {
        "name": result.name, "inputs": result.inputs, "faults": result.faults, "silent": result.silent,
        "slowest_s": round(result.slowest_s, 3), "peak_mb": round(result.peak_mb, 1),
    }  # fmt: skip


if __name__ == "__main__":
    print(_HEADER, file=sys.stderr)
    sys.exit(main())
