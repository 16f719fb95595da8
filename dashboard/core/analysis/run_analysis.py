"""The analyses of a run that a worker does, since they import packages that would make the server large."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.core.analysis.findings.finding import Finding
from dashboard.core.engine.contract import Engine
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore


class RunAnalysis:
    """Findings and doubtful labels of the rows of a run. Thread-safe."""

    def __init__(self, engine: Engine, store: RunStore) -> None:
        self._engine, self._store = engine, store

    def findings(self, run: Run) -> list[Finding]:
        """See `find`. Raises WorkerError if no worker can do it; DatasetError if the run cannot be read."""
        found: list[Finding] = self._ask("find_in_run", run)
        return found

    def label_issues(self, run: Run) -> pd.DataFrame:
        """See `label_issues`. Raises WorkerError if no worker can do it; DatasetError if the run cannot be read."""
        found: pd.DataFrame = self._ask("label_issues_in_run", run)
        return found

    def _ask(self, task: str, run: Run) -> Any:
        folder = self._store.folder(run.manifest.run_id).path
        return self._engine.submit(task, folder, run.conditions, urgent=True, slow=True).result()
