"""The command line: the same calls as the pages. JSON goes to standard output, everything for people to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from dashboard.core import cifar10
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation import evaluate as evaluate_dataset
from dashboard.core.images import decode_image, encode_png, enlarge
from dashboard.core.inference import Inference
from dashboard.core.overlay import overlay
from dashboard.core.preprocessing import SCALINGS, ColorMode, Fit, fit_image
from dashboard.core.records import Failure, Prediction
from dashboard.core.registry import ModelVersion, Registry
from dashboard.core.runs import Run, RunStore, run_record
from dashboard.core.worker_pool import WorkerPool
from dashboard.settings import Settings, get_settings

OVERLAY_SIDE = 512  # pixels

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
models_app = typer.Typer(invoke_without_command=True, help="List, add and choose model versions.")
data_app = typer.Typer(no_args_is_help=True, help="Get datasets.")
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
ModelRef = Annotated[str, typer.Option("--model", help="NAME or NAME@VERSION; the active one when not given.")]

_err = Console(stderr=True, highlight=False)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _say(text: str, style: str = "") -> None:
    _err.print(Text(text, style=style))  # Text: names of files and classes are never markup


def _error_record(error: DashboardError | Failure) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "fix": error.fix}


def _stop(error: DashboardError, as_json: bool, exit_code: int = 1) -> NoReturn:
    if as_json:
        _print_json({"error": _error_record(error)})
    _say(f"{error.message}", "red")
    if error.fix:
        _say(error.fix)
    raise typer.Exit(exit_code)


def _registry(settings: Settings) -> Registry:
    return Registry(settings.models_dir, settings.model)


@contextmanager
def _engine(size: int = 1) -> Iterator[WorkerPool]:
    settings = get_settings()
    pool = WorkerPool(size, settings.worker_start_s, settings.task_s)
    try:
        yield pool
    finally:
        pool.close()


def _model_record(version: ModelVersion) -> dict[str, str]:
    return {"name": version.name, "version": version.version}


def _prediction_record(version: ModelVersion, prediction: Prediction) -> dict[str, Any]:
    return {
        "predicted_label": version.class_names[prediction.class_id],
        "confidence": prediction.confidence,
        "pred_probs": dict(zip(version.class_names, prediction.pred_probs.tolist(), strict=True)),
        "model": _model_record(version),
    }


@app.command()
def predict(images: Annotated[list[Path], typer.Argument()], model: ModelRef = "", as_json: AsJson = False) -> None:
    """Predict the class of each image. Exits with 1 when some could not be predicted."""
    answers: list[dict[str, Any]] = []
    try:
        version = _registry(get_settings()).get(model)
        with _engine() as engine, _err.status("Starting TensorFlow ..."):
            inference = Inference(engine)
            for path in images:
                answers.append({"file": str(path), **_predict_one(inference, version, path)})
    except DashboardError as error:
        answers += [{"file": str(path), "error": _error_record(error)} for path in images[len(answers) :]]
    if as_json:
        _print_json(answers)
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
        return {"error": _error_record(answer)}
    return _prediction_record(version, answer)


def _show_predictions(answers: list[dict[str, Any]]) -> None:
    table = Table("file", "predicted", "confidence")
    for answer in answers:
        if "error" in answer:
            problem = f"{answer['error']['message']} {answer['error']['fix']}"
            table.add_row(Text(answer["file"]), Text(problem, style="red"), "")
        else:
            table.add_row(Text(answer["file"]), Text(answer["predicted_label"]), f"{answer['confidence']:.1%}")
    _err.print(table)


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
        with _engine() as engine, _err.status("Starting TensorFlow ..."):
            explanation = Inference(engine).explain(version, data, layer, target)
        pixels = fit_image(decode_image(data).pixels, version.preprocessing)
        out.write_bytes(encode_png(overlay(enlarge(pixels, OVERLAY_SIDE), explanation.heatmap)))
    except DashboardError as error:
        _stop(error, as_json)
    except OSError as error:
        _stop(DashboardError(f"{error.filename}: {error.strerror}.", "Check the path.", "unreadable"), as_json)
    heatmap, prediction = explanation.heatmap, explanation.prediction
    record = {
        "file": str(image),
        "method": explanation.method,
        "layer": explanation.layer.name,
        "grid": list(explanation.layer.grid),
        "target_label": version.class_names[explanation.target_class],
        "heatmap": {"min": float(heatmap.min()), "max": float(heatmap.max()), "mean": float(heatmap.mean())},
        **_prediction_record(version, prediction),
    }
    if as_json:
        _print_json(record)
    _say(f"{record['predicted_label']} ({prediction.confidence:.1%}); evidence for {record['target_label']} in {out}")
    if explanation.empty:
        _say("The map is empty: nothing in this layer speaks for that class.", "yellow")


@app.command()
def evaluate(dataset: Path, model: ModelRef = "", as_json: AsJson = False) -> None:
    """Evaluate a model on a ZIP or folder of class folders, or on the CIFAR-10 archive."""
    settings = get_settings()
    store = RunStore(settings.runs_dir)
    try:
        version = _registry(settings).get(model)
        with _engine(settings.workers) as engine, _progress() as bar:
            task = bar.add_task("Starting TensorFlow", total=None, rate="")
            manifest = evaluate_dataset(
                dataset.absolute(),
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
            )
    except DashboardError as error:
        _stop(error, as_json)
    run = store.load(manifest.run_id)
    record = run_record(run)
    if as_json:
        _print_json(record)
    _show_run(run)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=_err,
    )


def _show_run(run: Run) -> None:
    evaluation = run.evaluation()
    if evaluation is None:
        _say("No image has both a known label and a prediction: there is nothing to compare.", "yellow")
    else:
        table = Table("class", "images", "precision", "recall", "F1")
        for row in evaluation.per_class.to_dict("records"):
            scores = (f"{row[name]:.1%}" if row[name] == row[name] else "-" for name in ("precision", "recall", "f1"))
            table.add_row(Text(row["class"]), f"{row['images']:,}", *scores)
        _err.print(table)
        _say(
            f"Accuracy {evaluation.accuracy}, macro F1 {evaluation.macro_f1:.1%}, {evaluation.accuracy.n:,} images",
            "bold",
        )
    for name in run.manifest.unknown_labels:
        _say(f"The folder {name!r} is no class of {run.manifest.model}; its images were left out.", "yellow")
    for row in run.failed.head(10).itertuples(index=False):
        _say(f"{row.file}: {row.reason}", "yellow")
    if len(run.failed) > 10:
        _say(f"... {len(run.failed):,} images could not be evaluated; --json lists them all.", "yellow")
    _say(f"Run {run.manifest.run_id}, {run.manifest.seconds:.1f} s")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check packages, TensorFlow, models, workers and storage. Exits with 1 when something is broken."""
    from dashboard.core.diagnostics import report_as_text, report_to_dict, run_checks

    settings = get_settings()
    with _engine() as engine, _err.status("Checking ...") as status:
        report = run_checks(
            settings, Inference(engine), _registry(settings), engine, on_progress=lambda text: status.update(Text(text))
        )
    if as_json:
        _print_json(report_to_dict(report))
    else:
        typer.echo(report_as_text(report), err=True)  # not wrapped: it holds commands to copy
    raise typer.Exit(1 if report.status == "error" else 0)


@models_app.callback()
def models(
    context: typer.Context,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the README's table of measured versions.")
    ] = False,
) -> None:
    """List the model versions."""
    if context.invoked_subcommand:
        return
    registry = _registry(get_settings())
    try:
        active = registry.active().ref
    except DashboardError:
        active = ""
    versions = registry.versions()
    if markdown:
        sys.stdout.writelines(f"{_markdown_row(version)}\n" for version in versions if "accuracy" in version.metrics)
    elif as_json:
        _print_json([_version_record(version, version.ref == active) for version in versions])
    else:
        table = Table("model", "version", "active", "input", "classes", "accuracy")
        for v in versions:
            accuracy = v.metrics.get("accuracy")
            table.add_row(
                v.name,
                v.version,
                "yes" if v.ref == active else "",
                "x".join(map(str, v.input_shape)),
                str(len(v.class_names)),
                f"{accuracy:.1%}" if accuracy else "not measured",
            )
        _err.print(table)
    for broken in registry.broken():
        _say(str(broken.error), "red")


def _markdown_row(version: ModelVersion) -> str:
    m = version.metrics
    low, high = (f"{100 * bound:.1f}" for bound in m["accuracy_ci95"])
    figures = f"{m['n']:,} | {m['accuracy']:.1%} ({low}-{high}) | {m['flops'] / 1e6:,.0f} | {m['parameters']:,}"
    return f"| {version.ref} | {figures} |"


def _version_record(version: ModelVersion, active: bool) -> dict[str, Any]:
    return {
        **_model_record(version),
        "active": active,
        "input_shape": list(version.input_shape),
        "class_names": list(version.class_names),
        "preprocessing": version.preprocessing.to_dict(),
        "metrics": version.metrics,
    }


@models_app.command("use")
def models_use(ref: Annotated[str, typer.Argument(help="NAME or NAME@VERSION.")]) -> None:
    """Make a version the one used when none is named."""
    settings = get_settings()
    try:
        version = _registry(settings).activate(ref)
    except DashboardError as error:
        _stop(error, as_json=False)
    _say(f"{version.ref} is now active.")
    if settings.model:
        _say(f"But DASHBOARD_MODEL={settings.model} is set, and the setting wins.", "yellow")


@models_app.command("add")
def models_add(
    file: Annotated[Path, typer.Argument(help="A .keras or .h5 file from someone you trust.")],
    name: Annotated[str, typer.Option(help="Name of the model; an existing name gets a new version.")],
    class_names: Annotated[
        str, typer.Option(help="In the order of the outputs: a,b,c or a text file, one a line.")
    ] = "",
    scale: Annotated[str, typer.Option(help=f"What happens to pixel values: {', '.join(SCALINGS)}.")] = "",
    fit: Annotated[
        str, typer.Option(help=f"How a picture is brought to size: {', '.join(get_args(Fit))}.")
    ] = "stretch",
    color: Annotated[
        str, typer.Option(help=f"Channels: {', '.join(get_args(ColorMode))}; told from the model if empty.")
    ] = "",
    input_size: Annotated[str, typer.Option(help="HEIGHTxWIDTH, for a model that takes any size.")] = "",
    memory_gb: Annotated[
        float, typer.Option(min=0.0, help="Memory that loading may take; by the file's size if 0.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Add a Keras image classifier made elsewhere."""
    from dashboard.core.model_import import add_model, read_class_names, read_input_size

    _check_choice("--scale", scale, tuple(SCALINGS))
    _check_choice("--fit", fit, get_args(Fit))
    _check_choice("--color", color, get_args(ColorMode))
    settings = get_settings()
    try:
        with _err.status("Looking into the file ..."):
            version = add_model(
                file,
                name,
                _registry(settings),
                class_names=read_class_names(class_names) if class_names else None,
                scaling=scale or None,
                fit=cast(Fit, fit),
                color=cast(ColorMode, color) if color else None,
                input_size=read_input_size(input_size) if input_size else None,
                samples=settings.samples_dir,
                memory_bytes=int(memory_gb * 2**30) or None,
            )
    except DashboardError as error:
        _stop(error, as_json)
    for note in version.provenance.get("notes", ()):
        _say(note, "yellow")
    if as_json:
        _print_json(_version_record(version, active=False))
    _say(f"Added {version.ref}. Try it: python -m dashboard predict IMAGE --model {version.ref}")


def _check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    if value and value not in choices:
        raise typer.BadParameter(f"one of: {', '.join(choices)}", param_hint=option)


@data_app.command("get-cifar10")
def get_cifar10() -> None:
    """Download the official CIFAR-10 archive (163 MB) and verify it."""
    try:
        with _progress() as bar:
            task = bar.add_task("CIFAR-10", total=None, rate="")
            path = cifar10.download(
                get_settings().downloads_dir,
                lambda done, total: bar.update(
                    task, completed=done, total=total or None, rate=f"{done / 2**20:.0f} MB"
                ),
            )
    except DashboardError as error:
        _stop(error, as_json=False)
    _say(f"CIFAR-10 is at {path}. Evaluate its test set: python -m dashboard evaluate {path}")
