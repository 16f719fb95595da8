"""Predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from dashboard.cli.arguments import AsJson, ModelRef, engine, prediction_record, registry
from dashboard.cli.output import console, error_record, plain_text, print_json
from dashboard.core.errors import DashboardError, WorkerError
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Failure
from dashboard.core.models.version import ModelVersion


def predict(
    images: Annotated[list[Path], typer.Argument(readable=False)], model: ModelRef = "", as_json: AsJson = False
) -> None:
    """Predict the class of each image. Exits with 1 when some could not be predicted."""
    answers: list[dict[str, Any]] = []
    try:
        version = registry().get(model)
        with engine() as pool, console.status("Starting TensorFlow ..."):
            inference = Inference(pool)
            for path in images:
                answers.append({"file": str(path), **_predict_one(inference, version, path)})
    except DashboardError as error:
        answers += [{"file": str(path), "error": error_record(error)} for path in images[len(answers) :]]
    if as_json:
        print_json(answers)
    else:
        _show_predictions(answers)
    raise typer.Exit(1 if any("error" in answer for answer in answers) else 0)


def _predict_one(inference: Inference, version: ModelVersion, path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        return {
            "error": {
                "code": "unreadable",
                "message": f"It cannot be opened: {error.strerror}.",
                "fix": "Check the path.",
            }
        }
    try:
        [answer] = inference.predict(version, [data])
    except WorkerError as error:
        if error.code == "worker_unavailable":
            raise
        return {"error": error_record(error)}
    if isinstance(answer, Failure):
        return {"error": error_record(answer)}
    return prediction_record(version, answer)


def _show_predictions(answers: list[dict[str, Any]]) -> None:
    table = Table("file", "predicted", "confidence")
    for answer in answers:
        if "error" in answer:
            problem = f"{answer['error']['message']} {answer['error']['fix']}"
            table.add_row(plain_text(answer["file"]), plain_text(problem, style="red"), "")
        else:
            unknown = answer.get("doubt", {}).get("unknown")
            label = answer["predicted_label"] + (", but probably none of the classes" if unknown else "")
            table.add_row(plain_text(answer["file"]), plain_text(label), f"{answer['confidence']:.1%}")
    console.print(table)
