"""How long a ZIP of 200,000 members takes to open: `python -m tests.benchmarks.large_zip [MEMBERS]`.

Python's own `zipfile` reads the same directory of members in the same run. Seconds depend on the machine and on what
else it does; the ratio hardly does. Both are seconds of the processor.
"""

from __future__ import annotations

import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DatasetError

MEMBERS = 200_000
NAMES: dict[str, Callable[[int], str]] = {
    "pictures in ten folders": lambda i: f"class{i % 10}/{i:06}.png",
    "names without a suffix": lambda i: f"class{i % 10}/{i:06}",
    "a folder for each picture": lambda i: f"class{i:06}/x.png",
    "names that are not ASCII": lambda i: f"chat-huant\N{LATIN SMALL LETTER E WITH ACUTE}{i % 10}/{i:06}.png",
}


def measured(call: Callable[[], object]) -> float:
    """The seconds of the processor that a call takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def opened(path: Path) -> None:
    """Opens the dataset, or is told that it holds no images."""
    try:
        open_dataset(path)
    except DatasetError as error:
        assert error.code == "no_images", error


def main() -> int:
    """Prints a line for each kind of names."""
    members = int(sys.argv[1]) if len(sys.argv) > 1 else MEMBERS
    print(f"{members:,} members       {'dashboard':>10}{'zipfile':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for number, (kind, name) in enumerate(NAMES.items()):
            path = Path(folder) / f"{number}.zip"
            with zipfile.ZipFile(path, "w") as archive:
                for i in range(members):
                    archive.writestr(zipfile.ZipInfo(name(i)), b"0123456789")
            plain = measured(lambda path=path: zipfile.ZipFile(path).close())  # type: ignore[misc]
            ours = measured(lambda path=path: opened(path))  # type: ignore[misc]
            print(f"{kind:<26}{ours:>8.2f} s{plain:>8.2f} s{ours / plain:>8.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
