"""`python -m dashboard explain`: heatmaps, and what they are worth, as overlays, arrays and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Column, Table

from dashboard.cli.arguments import AsJson, ModelRef, engine, prediction_record, registry
from dashboard.cli.output import console, error_record, plain_text, print_json, say, stop
from dashboard.core.errors import DashboardError, ImageError, WorkerError, listed
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.methods import DEFAULT_METHOD, METHODS
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import Explanation, Faithfulness, MapRequest, MapScores
from dashboard.core.images.drawing import encode_png, enlarge
from dashboard.core.images.model_input import read_model_input
from dashboard.core.models.version import ModelVersion

OVERLAY_SIDE = 512  # pixels
ALL = "all"


@dataclass(frozen=True)
class Saved:
    """One explanation and the files that it was written to."""

    explanation: Explanation
    overlay: Path
    array: Path | None


def explain(
    images: Annotated[list[Path], typer.Argument(show_default=False, readable=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            help="An overlay's PNG file; for several images or methods, a folder for overlays (PNG) and maps (.npy).",
            show_default="overlay.png, or explanations",
        ),
    ] = None,
    method: Annotated[str, typer.Option(help=f"How the map is made: {', '.join(METHODS)}, or all.")] = DEFAULT_METHOD,
    layer: Annotated[
        str | None, typer.Option(help="A convolutional layer; the deepest of at least 4x4 by default.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Class to explain; the predicted one by default.")] = None,
    faithfulness: Annotated[
        bool, typer.Option("--faithfulness", help="Measure also whether the map is better than chance.")
    ] = False,
    model: ModelRef = "",
    as_json: AsJson = False,
) -> None:
    """Show where a model looked: heatmaps of images, as overlays. Exits with 1 when some could not be explained."""
    if method not in METHODS and method != ALL:
        raise typer.BadParameter(f"one of: {', '.join(METHODS)}, {ALL}", param_hint="--method")
    one = len(images) == 1 and method != ALL
    out = out or Path("overlay.png" if one else "explanations")
    if not one and out.suffix:
        raise typer.BadParameter("a folder, for several images or methods", param_hint="--out")
    request = MapRequest(tuple(METHODS) if method == ALL else (method,), layer, target, faithfulness)
    try:
        version = registry().get(model)
    except DashboardError as error:
        stop(error, as_json)
    if target is not None and target not in version.class_names:
        raise typer.BadParameter(f"one of: {listed(version.class_names, 20)}", param_hint="--target")
    if one and out.suffix and not out.is_dir():
        _explain_one(images[0], out, version, request, as_json)
    else:
        _explain_many(images, out, version, request, as_json)


def _explain_one(image: Path, out: Path, version: ModelVersion, request: MapRequest, as_json: bool) -> None:
    """One image by one method, to a file."""
    try:
        with engine() as pool, console.status("Starting TensorFlow ..."):
            data = _read(image)
            explanation = Explainer(pool).explain(version, data, request)
        _write_overlay(out, data, version, explanation)
    except ImageError as error:
        stop(ImageError(f"{image}: {error.message}", error.fix, error.code), as_json)
    except DashboardError as error:
        stop(error, as_json)
    prediction = explanation.prediction
    record = {"file": str(image), **_record(version, explanation), **prediction_record(version, prediction)}
    if as_json:
        print_json(record)
    say(f"{record['predicted_label']} ({prediction.confidence:.1%}); evidence for {record['target_label']} in {out}")
    if explanation.empty:
        say("The map is empty: nothing in this layer speaks for that class.", "yellow")
    elif explanation.faithfulness:
        say(explanation.faithfulness.sentence, "" if explanation.faithfulness.verdict == "better" else "yellow")


def _explain_many(
    images: Sequence[Path], folder: Path, version: ModelVersion, request: MapRequest, as_json: bool
) -> None:
    """Each image by each method, to a folder; an image that fails is told, the rest goes on."""
    answers: list[dict[str, Any]] = []
    columns = [
        "file",
        "predicted",
        "method",
        "evidence for",
        "written to",
        *(["worth"] if request.faithfulness else []),
    ]
    table = Table(*(Column(name, overflow="fold") for name in columns))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with engine() as pool, console.status("Starting TensorFlow ..."):
            explainer, names = Explainer(pool), _names(images)
            for path in images:
                try:
                    saved = _save(explainer, version, _read(path), folder / names[path], request)
                except (ImageError, WorkerError) as error:
                    if error.code == "worker_unavailable":
                        raise
                    answers.append({"file": str(path), "error": error_record(error)})
                    table.add_row(plain_text(path), plain_text(str(error), style="red"))
                    continue
                answers.append({"file": str(path), **_records(version, saved)})
                _add_rows(table, path, version, saved)
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(answers)
    else:
        console.print(table)
    raise typer.Exit(1 if any("error" in answer for answer in answers) else 0)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"It cannot be opened: {error.strerror}.", "Check the path.", "unreadable") from error


def _save(explainer: Explainer, version: ModelVersion, data: bytes, stem: Path, request: MapRequest) -> list[Saved]:
    saved = []
    for explanation in explainer.explain_all(version, data, request):
        picture, array = (stem.with_name(f"{stem.name}-{explanation.method}{suffix}") for suffix in (".png", ".npy"))
        _write_overlay(picture, data, version, explanation)
        np.save(array, explanation.heatmap, allow_pickle=False)
        saved.append(Saved(explanation, picture, array))
    return saved


def _write_overlay(path: Path, data: bytes, version: ModelVersion, explanation: Explanation) -> None:
    pixels = read_model_input(data, version.preprocessing)
    path.write_bytes(encode_png(overlay(enlarge(pixels, OVERLAY_SIDE), explanation.heatmap)))


def _names(images: Sequence[Path]) -> dict[Path, str]:
    """What an image's files are called: as it is, with a number where that is taken."""
    stems = {path.stem for path in images}  # no number may make a name that another image has
    names: dict[Path, str] = {}
    for path in dict.fromkeys(images):
        numbered = (f"{path.stem}-{n}" for n in count(2))
        free = (name for name in numbered if name not in stems and name not in names.values())
        names[path] = next(free) if path.stem in names.values() else path.stem
    return names


def _add_rows(table: Table, path: Path, version: ModelVersion, saved: Sequence[Saved]) -> None:
    for each in saved:
        e = each.explanation
        label = f"{version.class_names[e.prediction.class_id]} ({e.prediction.confidence:.1%})"
        cells = [path, label, e.method, version.class_names[e.target_class], each.overlay]
        worth = e.faithfulness.sentence if e.faithfulness else "The map is empty." if e.empty else ""
        table.add_row(*(plain_text(str(cell)) for cell in cells), *([worth] if len(table.columns) > len(cells) else []))


def _records(version: ModelVersion, saved: Sequence[Saved]) -> dict[str, Any]:
    maps = [{**_record(version, s.explanation), "overlay": str(s.overlay), "array": str(s.array)} for s in saved]
    return {**prediction_record(version, saved[0].explanation.prediction), "explanations": maps}


def _record(version: ModelVersion, explanation: Explanation) -> dict[str, Any]:
    heatmap = explanation.heatmap
    record: dict[str, Any] = {
        "method": explanation.method,
        "layer": explanation.layer_name,
        "grid": list(heatmap.shape),
        "target_label": version.class_names[explanation.target_class],
        "empty": explanation.empty,
        "heatmap": {"min": float(heatmap.min()), "max": float(heatmap.max()), "mean": float(heatmap.mean())},
    }
    if explanation.faithfulness:
        record["faithfulness"] = faithfulness_record(explanation.faithfulness)
    return record


def faithfulness_record(found: Faithfulness) -> dict[str, Any]:
    """What a map is worth, as JSON."""

    def scores(of: MapScores) -> dict[str, Any]:
        return {
            "score": of.score,
            "insertion_auc": of.insertion_auc,
            "deletion_auc": of.deletion_auc,
            "average_drop": of.average_drop,
            "insertion": of.insertion.tolist(),
            "deletion": of.deletion.tolist(),
        }

    return {
        "verdict": found.verdict,
        "sentence": found.sentence,
        "shares": found.shares.tolist(),
        "map": scores(found.map),
        "random": {**scores(found.random), "scores": found.random_scores.tolist()},
        "gaussian": scores(found.gaussian),
    }
