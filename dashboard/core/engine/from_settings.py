"""The engine that the settings ask for: worker processes here, or workers on a Ray cluster."""

from __future__ import annotations

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.engine.ray_worker import RayWorker
from dashboard.core.settings import Settings


def make_engine(settings: Settings, size: int, stagger_s: float) -> WorkerPool:
    """`size` workers that start with the first task, or by `start`. If a worker cannot start, its status says why."""
    if settings.cluster:
        address = settings.cluster
        return WorkerPool(
            size,
            settings.worker_start_s,
            settings.task_s,
            stagger_s=0,
            worker=lambda: RayWorker(address),
            at_once=False,
        )
    return WorkerPool(size, settings.worker_start_s, settings.task_s, stagger_s=stagger_s, at_once=False)
