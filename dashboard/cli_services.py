"""What commands work with: the registry, and workers for as long as a command needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.core.registry import Registry
from dashboard.core.start_engine import start_engine
from dashboard.core.worker_pool import WorkerPool
from dashboard.settings import Settings, get_settings


def model_registry(settings: Settings) -> Registry:
    """The model versions, with the setting's default."""
    return Registry(settings.models_dir, settings.model)


@contextmanager
def running_engine(size: int = 1) -> Iterator[WorkerPool]:
    """Workers that end with the block; all start at once."""
    pool = start_engine(get_settings(), size, stagger_s=0)
    try:
        yield pool
    finally:
        pool.close()
