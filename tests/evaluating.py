"""A whole evaluation in one call, for tests that need its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from dashboard.core.engine.contract import Engine
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.opening import begin_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.evaluation.work import Progress
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.manifest import RunManifest, new_run_id
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import CHUNK_SIZE, TASK_S


def evaluate(
    path: Path,
    version: ModelVersion,
    engine: Engine,
    store: RunStore,
    chunk_size: int = CHUNK_SIZE,
    chunk_s: float = TASK_S,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    label_map: Mapping[str, str] | None = None,
) -> RunManifest:
    """The manifest of a new run over the dataset at `path`; see `go_on`."""
    run = begin_run(plan_run(path, version, label_map), store, chunk_size, new_run_id())
    return go_on(run, engine, chunk_s, on_progress)
