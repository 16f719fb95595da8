"""What commands work with: the registry and the run store of the settings, and an engine for as long as one runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from dashboard.cli.output import model_record
from dashboard.core.engine.contract import Engine
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.services import Services, open_services

LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="What a label means: LABEL=CLASS, LABEL= to leave it out, 'LABEL=(no label)' to predict only, or a JSON "
        "file of these.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]

ModelRef = Annotated[str, typer.Option("--model", help="NAME or NAME@VERSION; the active one when not given.")]


def registry() -> Registry:
    """The model versions."""
    return Registry.of(get_settings())


def run_store() -> RunStore:
    """The evaluations."""
    return RunStore(get_settings().runs_dir)


def services(workers: int = 1) -> Services:
    """The services of a command. Its workers start all at once, and only when the command gives them something to do."""
    return open_services(get_settings(), workers, stagger_s=0)


@contextmanager
def engine(size: int = 1) -> Iterator[Engine]:
    """Workers that end with the `with` block; all start at once."""
    with services(size) as opened:
        yield opened.engine


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
