from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def few_open_files() -> Iterator[int]:
    """Allows only 30 more open files. Yields that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 31, hard))
    yield 30
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
