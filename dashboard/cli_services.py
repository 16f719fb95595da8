"""What commands work with: the registry and the run store of the settings, and an engine for as long as one runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from dashboard.cli_output import model_record
from dashboard.core.records import Prediction
from dashboard.core.registry import ModelVersion, Registry
from dashboard.core.runs import RunStore
from dashboard.core.start_engine import start_engine
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
    """Workers that end with the `with` block; all start at once."""
    pool = start_engine(get_settings(), size, stagger_s=0)
    try:
        yield pool
    finally:
        pool.close()


def prediction_record(version: ModelVersion, prediction: Prediction) -> dict[str, Any]:
    """A prediction as JSON."""
    record: dict[str, Any] = {
        "predicted_label": version.class_names[prediction.class_id],
        "confidence": prediction.confidence,
        "pred_probs": dict(zip(version.class_names, prediction.pred_probs.tolist(), strict=True)),
        "model": model_record(version),
    }
    if version.familiarity:
        record["doubt"] = asdict(version.familiarity.doubts(prediction.logits, prediction.pred_probs))
    return record
