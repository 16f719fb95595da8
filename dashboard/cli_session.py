"""What several commands begin with: the chosen model version, and workers of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from dashboard.cli_output import model_record
from dashboard.core.records import Prediction
from dashboard.core.registry import ModelVersion, Registry
from dashboard.core.worker_pool import WorkerPool
from dashboard.settings import Settings, get_settings

ModelRef = Annotated[str, typer.Option("--model", help="NAME or NAME@VERSION; the active one when not given.")]


def registry_of(settings: Settings) -> Registry:
    """The models that the settings name."""
    return Registry(settings.models_dir, settings.model)


@contextmanager
def own_engine(size: int = 1) -> Iterator[WorkerPool]:
    """Workers for the time of one command."""
    settings = get_settings()
    pool = WorkerPool(size, settings.worker_start_s, settings.task_s, stagger_s=0)
    try:
        yield pool
    finally:
        pool.close()


def prediction_record(version: ModelVersion, prediction: Prediction) -> dict[str, Any]:
    """A prediction as JSON."""
    return {
        "predicted_label": version.class_names[prediction.class_id],
        "confidence": prediction.confidence,
        "pred_probs": dict(zip(version.class_names, prediction.pred_probs.tolist(), strict=True)),
        "model": model_record(version),
    }
