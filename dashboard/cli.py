"""The command line: the same calls as the pages. JSON goes to standard output, everything for people to standard error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from dashboard.cli_data import data_app
from dashboard.cli_evaluate import evaluate
from dashboard.cli_explain import explain
from dashboard.cli_import import import_command
from dashboard.cli_models import models_app
from dashboard.cli_output import (
    AsJson,
    console,
    error_record,
    plain_text,
    print_json,
    stop,
)
from dashboard.cli_runs import runs_app
from dashboard.cli_services import ModelRef, engine, prediction_record, registry
from dashboard.core.errors import DashboardError, WorkerError
from dashboard.core.inference import Inference
from dashboard.core.records import Failure
from dashboard.core.registry import ModelVersion
from dashboard.settings import get_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")
app.command("import")(import_command)


@app.command()
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


def main() -> None:
    """Runs the command line. What no command expects, of settings, permissions and disks, is told as well."""
    try:
        try:
            app(prog_name="python -m dashboard")
        except DashboardError as error:
            stop(error, "--json" in sys.argv)
        except OSError as error:
            denied = isinstance(error, PermissionError)
            way_out = "Let this user read and write there." if denied else "Check the path and the disk."
            what = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."
            stop(DashboardError(what, way_out, "permission" if denied else "system"), "--json" in sys.argv)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)


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


app.command()(explain)
app.command()(evaluate)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check packages, TensorFlow, models, workers and storage. Exits with 1 when something is broken."""
    from dashboard.core.diagnostics import report_as_text, report_to_dict, run_checks

    settings = get_settings()
    with engine() as pool, console.status("Checking ...") as status:
        report = run_checks(
            settings,
            Inference(pool),
            registry(),
            pool,
            on_progress=lambda text: status.update(plain_text(text)),
        )
    if as_json:
        print_json(report_to_dict(report))
    else:
        typer.echo(report_as_text(report), err=True)  # not wrapped: it holds commands to copy
    raise typer.Exit(1 if report.status == "error" else 0)
