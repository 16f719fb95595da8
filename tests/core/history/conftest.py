from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboard.core.database.database import Database
from dashboard.core.history.history import History
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings


@pytest.fixture
def runs(settings: Settings) -> RunStore:
    return RunStore(settings.runs_dir)


@pytest.fixture
def history(database: Database, runs: RunStore, settings: Settings) -> Iterator[History]:
    history = History(database, lambda: runs, settings)
    yield history
    history.close(2)
