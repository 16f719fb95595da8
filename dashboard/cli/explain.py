"""`python -m dashboard explain`: writes heatmaps as overlays and arrays, and prints how faithful they are."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer

from dashboard.cli.arguments import AsJson, FitChoice, Local, ModelRef, services
from dashboard.cli.output import (
    console,
    exit_code,
    failed_image,
    label_in_words,
    plain_text,
    print_json,
    read_image,
    say,
    say_failed,
    show,
    table_of,
)
from dashboard.cli.recording import record, tell_of_lost_records
from dashboard.core.errors import DashboardError, concerns_one_image, listed
from dashboard.core.explanations.methods import DEFAULT_METHOD, METHODS, PIXEL_METHODS
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import Explanation, MapRequest
from dashboard.core.files import open_atomically, write_atomically
from dashboard.core.images.drawing import encode_png, enlarge
from dashboard.core.images.model_input import decode_with_notes
from dashboard.core.images.preprocessing import Fit, fit_image
from dashboard.core.metrics.percent import percent
from dashboard.core.models.facts import left_out_in_words
from dashboard.core.models.version import ModelVersion
from dashboard.schemas.errors import FailedImage
from dashboard.schemas.explanations import ExplainedRecord, ExplanationRecord
from dashboard.services import Services

OVERLAY_SIDE = 512  # pixels
ALL = "all"


@dataclass(frozen=True)
class Files:
    """The files that the maps of one image are written to."""

    stem: Path
    overlay: Path | None = None  # the only file; None: an overlay (PNG) and an array (.npy) per method

    @classmethod
    def named(cls, overlay: Path) -> Files:
        """Only an overlay, in the file with this name."""
        return cls(overlay, overlay)

    def of(self, method: str) -> tuple[Path, Path | None]:
        """The file of the overlay and the file of the array, if there is one."""
        if self.overlay:
            return self.overlay, None
        name = f"{self.stem.name}-{method}"
        return self.stem.with_name(f"{name}.png"), self.stem.with_name(f"{name}.npy")


def explain(
    images: Annotated[
        list[Path], typer.Argument(show_default=False, readable=False, help="Image files; - is one on standard input.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            show_default=False,
            help="PNG file of the overlay; for several images or methods, a folder for overlays (PNG) and maps (.npy). When "
            "not given, a new file overlay.png or a new folder explanations; with --json, no files are written.",
        ),
    ] = None,
    method: Annotated[
        list[str],
        typer.Option(help=f"Method of explanation: {', '.join(METHODS)}, or all. Repeat it for several methods."),
    ] = [DEFAULT_METHOD],  # noqa: B006 - typer reads it, and nobody changes it
    layer: Annotated[
        str | None, typer.Option(help="Convolutional layer; by default the deepest with a grid of at least 4x4.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Class to explain; by default the predicted class.")] = None,
    faithfulness: Annotated[
        bool, typer.Option("--faithfulness", help="Also test whether each map is better than chance.")
    ] = False,
    model: ModelRef = "",
    fit: FitChoice = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Show where a model looks: heatmaps over images. Exits with 1 if an image could not be explained."""
    if any(each not in (*METHODS, ALL) for each in method):
        raise typer.BadParameter(f"It must be one of: {', '.join(METHODS)}, {ALL}.", param_hint="--method")
    methods = tuple(METHODS) if ALL in method else tuple(dict.fromkeys(method))
    one = len(images) == 1 and len(methods) == 1
    if out is None and not as_json:
        out = _unused(Path("overlay.png" if one else "explanations"))
    if out and not one and out.suffix:
        raise typer.BadParameter(
            f"For several images or methods, it must be a folder, but {str(out)!r} has the ending of a file.",
            param_hint="--out",
        )
    request = MapRequest(methods, layer, target, faithfulness)
    to_file = out is not None and one and bool(out.suffix) and not out.is_dir()
    if out and to_file and out.suffix.lower() != ".png":
        raise typer.BadParameter("The overlay is a PNG file. End the name with .png.", param_hint="--out")
    answers: list[ExplainedRecord | FailedImage] = []
    opened: Services | None = None
    try:
        with console.status("Explaining ..."), services(local=local) as opened:
            opened.engine.start()
            version = opened.registry.get(model).fitting(cast("Fit | None", fit))
            if target is not None and target not in version.class_names:
                classes = listed(version.class_names, 20)
                raise typer.BadParameter(
                    f"{target!r} is not a class of {version.ref}. It must be one of: {classes}.", param_hint="--target"
                )
            files: dict[Path, Files] = {}
            if out and to_file:
                files = {path: Files.named(out) for path in images}
            elif out:
                out.mkdir(parents=True, exist_ok=True)
                files = _files_in(out, images)
            for path in images:
                answers.append(_explain_one(opened, version, path, files.get(path), request))
    except (DashboardError, OSError) as error:
        answers += [failed_image(path, error) for path in images[len(answers) :]]
    if opened and any(isinstance(answer, ExplainedRecord) for answer in answers):
        tell_of_lost_records(opened.history)
    if as_json:
        print_json(answers)
    if to_file:
        _say(answers[0])
    elif not as_json:
        _show(answers, request.faithfulness)
    if not as_json:
        _say_notes(answers)
    _say_what_is_left_out(answers)
    raise typer.Exit(exit_code(answers))


def _explain_one(
    opened: Services, version: ModelVersion, path: Path, files: Files | None, request: MapRequest
) -> ExplainedRecord | FailedImage:
    """Explains one image and writes its files. Raises DashboardError if no other image can be explained either."""
    try:
        data, began = read_image(path), time.perf_counter()
        found = opened.explainer.explain_all(version, data, request)
        decoded = decode_with_notes(data, version.preprocessing)
        pixels = enlarge(fit_image(decoded.pixels, version.preprocessing), OVERLAY_SIDE)
        prediction = replace(found[0].prediction, notes=decoded.notes)
        prediction_id = record(opened, version, prediction, data, path, began)
        records = [_write(version, each, pixels, files) for each in found]
    except OSError as error:
        return failed_image(path, error)
    except DashboardError as error:
        if not concerns_one_image(error):
            raise
        return failed_image(path, error)
    return ExplainedRecord.of_maps(str(path), version, prediction, records, prediction_id)


def _write(
    version: ModelVersion, explanation: Explanation, pixels: np.ndarray, files: Files | None
) -> ExplanationRecord:
    """Writes the files of one map. Raises OSError.

    Args:
        pixels: what the model sees, enlarged (H, W, 3), uint8.
        files: None: none is written.
    """
    if files is None:
        return ExplanationRecord.of(version, explanation, None, None)
    picture, array = files.of(explanation.method)
    write_atomically(picture, encode_png(overlay(pixels, explanation.heatmap)), make_folder=False)
    if array:
        with open_atomically(array, make_folder=False) as file:
            np.save(file, explanation.heatmap, allow_pickle=False)
    return ExplanationRecord.of(version, explanation, str(picture), None if array is None else str(array))


def _unused(path: Path) -> Path:
    """The path, with a number if something with its name is already there."""
    numbered = (path.with_name(f"{path.stem}-{n}{path.suffix}") for n in count(2))
    return next(each for each in chain([path], numbered) if not os.path.lexists(each))


def _files_in(folder: Path, images: Sequence[Path]) -> dict[Path, Files]:
    """The files of each image. They have the name of the image, with a number if that name is already used."""
    stems = {path.stem for path in images}  # a numbered name must not equal the name of another image
    names: dict[Path, str] = {}
    for path in dict.fromkeys(images):
        numbered = (f"{path.stem}-{n}" for n in count(2))
        free = (name for name in numbered if name not in stems and name not in names.values())
        names[path] = next(free) if path.stem in names.values() else path.stem
    return {path: Files(folder / name) for path, name in names.items()}


def _say(answer: ExplainedRecord | FailedImage) -> None:
    """Prints the result for a single image and a single method."""
    if isinstance(answer, FailedImage):
        say_failed([answer])
        return
    [found] = answer.explanations
    show(
        f"{label_in_words(answer)} ({percent(answer.confidence)}); evidence for {found.target_label} in {found.overlay}"
    )
    if found.empty:
        show("The map is empty: this layer has no evidence for that class.", "yellow")
    elif found.faithfulness:
        show(found.faithfulness.sentence, "" if found.faithfulness.verdict == "better" else "yellow")


def _say_notes(answers: Sequence[ExplainedRecord | FailedImage]) -> None:
    """Says, on standard error, what is to be known about the pictures."""
    for answer in answers:
        if isinstance(answer, ExplainedRecord) and answer.notes:
            say(f"{answer.file}: {' '.join(answer.notes)}", "yellow")


def _say_what_is_left_out(answers: Sequence[ExplainedRecord | FailedImage]) -> None:
    """Says once, on standard error, what of the network the maps show nothing of."""
    found = [each for answer in answers if isinstance(answer, ExplainedRecord) for each in answer.explanations]
    said = (left_out_in_words(each.unseen_branches, each.layer_is_reused, PIXEL_METHODS) for each in found)
    if left_out := next(filter(None, said), ""):
        say(left_out, "yellow")


def _show(answers: Sequence[ExplainedRecord | FailedImage], with_tests: bool) -> None:
    """Prints the results as a table, and on standard error why the other images have none."""
    columns = ["file", "predicted", "method", "evidence for", "written to", *(["test"] if with_tests else [])]
    table = table_of(*columns)
    for answer in answers:
        if isinstance(answer, FailedImage):
            continue
        for found in answer.explanations:
            label = f"{label_in_words(answer)} ({percent(answer.confidence)})"
            test = found.faithfulness.sentence if found.faithfulness else "The map is empty." if found.empty else ""
            cells = [answer.file, label, found.method, found.target_label, found.overlay or "", test]
            table.add_row(*(plain_text(cell) for cell in cells[: len(columns)]))
    if table.row_count:
        show(table)
    say_failed(answers)
