"""The engine that the settings ask for: worker processes here, or workers on a Ray cluster."""

from __future__ import annotations

from dashboard.core.ray_worker import RayWorker
from dashboard.core.worker_pool import STAGGER_S, WorkerPool
from dashboard.settings import Settings


def start_engine(settings: Settings, size: int, stagger_s: float = STAGGER_S) -> WorkerPool:
    """`size` workers, started in the background. What keeps them from starting is told by their status."""
    if settings.cluster:
        address = settings.cluster
        return WorkerPool(
            size, settings.worker_start_s, settings.task_s, stagger_s=0, launch=lambda: RayWorker(address)
        )
    return WorkerPool(size, settings.worker_start_s, settings.task_s, stagger_s=stagger_s)
