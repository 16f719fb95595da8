"""What commands work with: the registry and the run store of the settings, and an engine for as long as one runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from dashboard.core.registry import Registry
from dashboard.core.runs import RunStore
from dashboard.core.worker_pool import WorkerPool
from dashboard.settings import get_settings

ModelRef = Annotated[str, typer.Option("--model", help="NAME or NAME@VERSION; the active one when not given.")]


def registry() -> Registry:
    """The model versions."""
    settings = get_settings()
    return Registry(settings.models_dir, settings.model)


def run_store() -> RunStore:
    """The evaluations."""
    return RunStore(get_settings().runs_dir)


@contextmanager
def engine(size: int = 1) -> Iterator[WorkerPool]:
    """Workers that end with the `with` block."""
    settings = get_settings()
    pool = WorkerPool(size, settings.worker_start_s, settings.task_s, stagger_s=0)
    try:
        yield pool
    finally:
        pool.close()
