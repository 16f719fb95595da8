"""The command line: the same calls as the pages. JSON goes to standard output, everything for people to standard error."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from dashboard.cli_data import data_app
from dashboard.cli_import import LabelMap, import_command
from dashboard.cli_models import models_app
from dashboard.cli_output import (
    AsJson,
    console,
    error_record,
    model_record,
    plain_text,
    print_json,
    progress,
    say,
    stop,
)
from dashboard.cli_services import model_registry as _registry
from dashboard.cli_services import running_engine as _engine
from dashboard.core.datasets.described import describe
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation import evaluate as evaluate_dataset
from dashboard.core.images import encode_png, enlarge
from dashboard.core.inference import Inference
from dashboard.core.labels import read_label_map
from dashboard.core.model_input import read_model_input
from dashboard.core.overlay import overlay
from dashboard.core.records import Failure, Prediction
from dashboard.core.registry import ModelVersion
from dashboard.core.runs import Run, RunStore, run_record
from dashboard.settings import get_settings

OVERLAY_SIDE = 512  # pixels

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")
app.command("import")(import_command)

ModelRef = Annotated[str, typer.Option("--model", help="NAME or NAME@VERSION; the active one when not given.")]


def _prediction_record(version: ModelVersion, prediction: Prediction) -> dict[str, Any]:
    record: dict[str, Any] = {
        "predicted_label": version.class_names[prediction.class_id],
        "confidence": prediction.confidence,
        "pred_probs": dict(zip(version.class_names, prediction.pred_probs.tolist(), strict=True)),
        "model": model_record(version),
    }
    if version.familiarity:
        record["doubt"] = asdict(version.familiarity.doubts(prediction.logits, prediction.pred_probs))
    return record


@app.command()
def predict(images: Annotated[list[Path], typer.Argument()], model: ModelRef = "", as_json: AsJson = False) -> None:
    """Predict the class of each image. Exits with 1 when some could not be predicted."""
    answers: list[dict[str, Any]] = []
    try:
        version = _registry(get_settings()).get(model)
        with _engine() as engine, console.status("Starting TensorFlow ..."):
            inference = Inference(engine)
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
    [answer] = inference.predict(version, [data])
    if isinstance(answer, Failure):
        return {"error": error_record(answer)}
    return _prediction_record(version, answer)


def _show_predictions(answers: list[dict[str, Any]]) -> None:
    table = Table("file", "predicted", "confidence")
    for answer in answers:
        if "error" in answer:
            problem = f"{answer['error']['message']} {answer['error']['fix']}"
            table.add_row(plain_text(answer["file"]), plain_text(problem, style="red"), "")
        else:
            unknown = " (probably none of the classes)" if answer.get("doubt", {}).get("unknown") else ""
            table.add_row(
                plain_text(answer["file"]),
                plain_text(answer["predicted_label"]),
                f"{answer['confidence']:.1%}{unknown}",
            )
    console.print(table)


@app.command()
def explain(
    image: Path,
    out: Annotated[Path, typer.Option(help="Where the overlay goes, a PNG file.")] = Path("overlay.png"),
    method: Annotated[str, typer.Option(help="How the map is made.")] = "grad-cam",
    layer: Annotated[
        str | None, typer.Option(help="A convolutional layer; the deepest of at least 4x4 by default.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Class to explain; the predicted one by default.")] = None,
    model: ModelRef = "",
    as_json: AsJson = False,
) -> None:
    """Show where a model looked: Grad-CAM of one image, as an overlay."""
    if method != "grad-cam":
        raise typer.BadParameter("the only method is grad-cam", param_hint="--method")
    try:
        version = _registry(get_settings()).get(model)
        if target is not None and target not in version.class_names:
            raise typer.BadParameter(f"one of: {', '.join(version.class_names)}", param_hint="--target")
        data = image.read_bytes()
        with _engine() as engine, console.status("Starting TensorFlow ..."):
            explanation = Inference(engine).explain(version, data, layer, target)
        pixels = read_model_input(data, version.preprocessing)
        out.write_bytes(encode_png(overlay(enlarge(pixels, OVERLAY_SIDE), explanation.heatmap)))
    except DashboardError as error:
        stop(error, as_json)
    except OSError as error:
        stop(DashboardError(f"{error.filename}: {error.strerror}.", "Check the path.", "unreadable"), as_json)
    heatmap, prediction = explanation.heatmap, explanation.prediction
    record = {
        "file": str(image),
        "method": explanation.method,
        "layer": explanation.layer_name,
        "grid": list(explanation.heatmap.shape),
        "target_label": version.class_names[explanation.target_class],
        "heatmap": {"min": float(heatmap.min()), "max": float(heatmap.max()), "mean": float(heatmap.mean())},
        **_prediction_record(version, prediction),
    }
    if as_json:
        print_json(record)
    say(f"{record['predicted_label']} ({prediction.confidence:.1%}); evidence for {record['target_label']} in {out}")
    if explanation.empty:
        say("The map is empty: nothing in this layer speaks for that class.", "yellow")


@app.command()
def evaluate(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="ZIP, folder, pattern ('photos/**/*.jpg'), image, .npz, .npy, Parquet, TFRecord, CIFAR-10."
        ),
    ],
    model: ModelRef = "",
    labels: Annotated[
        Path | None,
        typer.Option(help="A labels file elsewhere: CSV, JSON or Parquet of file and label; .npy for arrays."),
    ] = None,
    label_map: LabelMap = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a model on a dataset of images."""
    settings = get_settings()
    store = RunStore(settings.runs_dir)
    try:
        version = _registry(settings).get(model)
        meanings = read_label_map(label_map or ())
        path = describe(dataset, labels, settings.described_dir) if labels else dataset.absolute()
        with _engine(settings.workers) as engine, progress() as bar:
            task = bar.add_task("Starting TensorFlow", total=None, rate="")
            manifest = evaluate_dataset(
                path,
                version,
                engine,
                store,
                settings.chunk_size,
                on_progress=lambda p: bar.update(
                    task,
                    description="Evaluating",
                    completed=p.done,
                    total=p.total,
                    rate=f"{p.images_per_second:,.0f} images/s",
                ),
                label_map=meanings,
            )
    except DashboardError as error:
        stop(error, as_json)
    run = store.load(manifest.run_id)
    record = run_record(run)
    if as_json:
        print_json(record)
    _show_run(run)


def _show_run(run: Run) -> None:
    for note in run.manifest.notes:
        say(note)
    evaluation = run.evaluation()
    if evaluation is None:
        say("No image has both a known label and a prediction: there is nothing to compare.", "yellow")
    else:
        table = Table("class", "images", "precision", "recall", "F1")
        for row in evaluation.per_class.to_dict("records"):
            scores = (f"{row[name]:.1%}" if row[name] == row[name] else "-" for name in ("precision", "recall", "f1"))
            table.add_row(plain_text(row["class"]), f"{row['images']:,}", *scores)
        console.print(table)
        say(
            f"Accuracy {evaluation.accuracy}, macro F1 {evaluation.macro_f1:.1%}, {evaluation.accuracy.n:,} images",
            "bold",
        )
    for name in run.manifest.unknown_labels:
        say(f"The label {name!r} is no class of {run.manifest.model}; its images were left out.", "yellow")
    for row in run.failed.head(10).itertuples(index=False):
        say(f"{row.file}: {row.reason}", "yellow")
    if len(run.failed) > 10:
        say(f"... {len(run.failed):,} images could not be evaluated; --json lists them all.", "yellow")
    say(f"Run {run.manifest.run_id}, {run.manifest.seconds:.1f} s")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check packages, TensorFlow, models, workers and storage. Exits with 1 when something is broken."""
    from dashboard.core.diagnostics import report_as_text, report_to_dict, run_checks

    settings = get_settings()
    with _engine() as engine, console.status("Checking ...") as status:
        report = run_checks(
            settings,
            Inference(engine),
            _registry(settings),
            engine,
            on_progress=lambda text: status.update(plain_text(text)),
        )
    if as_json:
        print_json(report_to_dict(report))
    else:
        typer.echo(report_as_text(report), err=True)  # not wrapped: it holds commands to copy
    raise typer.Exit(1 if report.status == "error" else 0)
