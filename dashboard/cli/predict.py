"""`python -m dashboard predict`: the class of each image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dashboard.cli.arguments import AsJson, Local, ModelRef, services
from dashboard.cli.output import console, label_in_words, plain_text, print_json, read_image, show
from dashboard.cli.recording import record, tell_of_lost_records
from dashboard.core.errors import DashboardError, ImageError, WorkerError
from dashboard.core.models.prediction import Failure
from dashboard.core.models.version import ModelVersion
from dashboard.schemas.errors import ErrorRecord, FailedImage
from dashboard.schemas.predictions import PredictionRecord
from dashboard.services import Services


def predict(
    images: Annotated[list[Path], typer.Argument(readable=False)],
    model: ModelRef = "",
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Predict the class of each image. Exits with 1 if an image could not be predicted."""
    answers: list[PredictionRecord | FailedImage] = []
    try:
        with services(local=local) as opened, console.status("Predicting ..."):
            opened.engine.start()
            version = opened.registry.get(model)
            for path in images:
                answers.append(_predict_one(opened, version, path))
        if any(isinstance(answer, PredictionRecord) for answer in answers):
            tell_of_lost_records(opened.history)
    except DashboardError as error:
        answers += [FailedImage(file=str(path), error=ErrorRecord.of(error)) for path in images[len(answers) :]]
    if as_json:
        print_json(answers)
    else:
        _show(answers)
    raise typer.Exit(1 if any(isinstance(answer, FailedImage) for answer in answers) else 0)


def _predict_one(opened: Services, version: ModelVersion, path: Path) -> PredictionRecord | FailedImage:
    """Predicts one image. Raises DashboardError if no other image can be predicted either."""
    try:
        image, began = read_image(path), time.perf_counter()
        [answer] = opened.inference.predict(version, [image])
    except (ImageError, WorkerError) as error:
        if error.code == "worker_unavailable":
            raise
        return FailedImage(file=str(path), error=ErrorRecord.of(error))
    if isinstance(answer, Failure):
        return FailedImage(file=str(path), error=ErrorRecord.of(answer))
    prediction_id = record(opened, version, answer, image, path, began)
    return PredictionRecord.of(str(path), version, answer, prediction_id)


def _show(answers: Sequence[PredictionRecord | FailedImage]) -> None:
    table = Table("file", "predicted", "confidence")
    for answer in answers:
        if isinstance(answer, FailedImage):
            problem = plain_text(f"{answer.error.message} {answer.error.fix}", style="red")
            table.add_row(plain_text(answer.file), problem, "")
        else:
            table.add_row(plain_text(answer.file), plain_text(label_in_words(answer)), f"{answer.confidence:.1%}")
    show(table)
