from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.runs.store import RunStore
from tests.worker.hostile_worker import EVALUATING


@pytest.fixture(scope="module")
def fast() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, task_s=20, command=EVALUATING)
    yield pool
    pool.close()


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")
