"""python -m dashboard.studies: are the heatmaps of each method faithful to a model, and how robust is it?"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dashboard.core.analysis.robustness import measure_robustness, trained_kinds
from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.errors import DashboardError, DatasetError
from dashboard.core.explanations.methods import METHODS, get_method
from dashboard.core.explanations.records import ALIKE_FROM
from dashboard.core.images.corruptions import CORRUPTIONS, STRENGTHS
from dashboard.core.metrics.percent import rounded
from dashboard.core.models.registry import Registry
from dashboard.core.settings import get_settings
from dashboard.studies.labelled_pictures import in_random_order
from dashboard.studies.robustness import labelled_images, record
from dashboard.studies.robustness import markdown as tables
from dashboard.studies.study import MethodStudy, study
from dashboard.worker.models.loading import LoadedModel, load

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
READ_AT_A_TIME = 128
VERDICTS = {
    "better": "passed",
    "mixed": "weak: no better than a spot in the centre",
    "chance": "failed",
}


def correctly_classified(model: LoadedModel, dataset: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Up to `count` images that the model is right about, in an order that is random but always the same.

    Returns:
        Images (N, height, width, 3) uint8 and their class ids (N,).

    Raises:
        DatasetError: there are none.
    """
    labelled = in_random_order(model.version, dataset)
    images: list[np.ndarray] = []
    targets: list[int] = []
    while len(images) < count and (part := list(islice(labelled, READ_AT_A_TIME))):
        predictions = model.predict(np.stack([image for image, _ in part]))
        for (image, label), prediction in zip(part, predictions, strict=True):
            if prediction.class_id == label:
                images.append(image)
                targets.append(label)
    if not images:
        raise DatasetError("The model is right about none of these images.", "Choose labelled images that it knows.")
    return np.stack(images[:count]), np.array(targets[:count])


def markdown(studies: Sequence[MethodStudy]) -> str:
    """The README's table."""
    head = "| method | insertion - deletion | over random maps | over a centred Gaussian | average drop | shuffled weights | verdict |"
    rows = [
        f"| {METHODS[s.method].title} | {rounded(s.score.value, 3)} | {s.over_random} | {s.over_gaussian} "
        f"| {s.average_drop:.0%} | {'' if s.spearman is None else rounded(s.spearman, 2)} | {_in_words(s)} |"
        for s in studies
    ]
    return "\n".join([head, "|---" * 7 + "|", *rows])


def _in_words(found: MethodStudy) -> str:
    if found.spearman is None or found.needs_what_was_learnt:
        return VERDICTS[found.verdict]
    alike = "almost the same" if found.spearman >= ALIKE_FROM else "partly the same"
    return f"{VERDICTS[found.verdict]}, but {alike} with shuffled weights"


def _progress() -> Progress:
    """A bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="A ZIP or folder of class folders, or the CIFAR-10 archive.")
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME[@VERSION]", help="The active one when not given.")] = "",
    methods: Annotated[
        list[str] | None,
        typer.Option(metavar="METHOD", help=f"Repeat it for several; all when not given: {', '.join(METHODS)}."),
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="How many images that the model is right about.")] = 500,
    randomized: Annotated[int, typer.Option(min=0, help="Of them also explained with shuffled weights.")] = 32,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the README's table (the default).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measures on many images whether the heatmaps of each method are faithful to a model."""
    if context.invoked_subcommand:
        return
    if data is None:
        raise typer.BadParameter("It is needed.", param_hint="--data")
    if as_markdown and as_json:
        raise typer.BadParameter("--markdown and --json exclude each other.")
    settings = get_settings()
    try:
        chosen = [get_method(name).name for name in methods or METHODS]
        loaded = load(Registry.of(settings).get(model))
        pictures, targets = correctly_classified(loaded, open_dataset(data), images)
        randomized = min(randomized, len(pictures))
        with _progress() as bar:
            task = bar.add_task(loaded.version.ref, total=len(pictures) + randomized)
            studies = study(loaded, pictures, targets, chosen, randomized, lambda n: bar.advance(task, n))
    except DashboardError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    if as_json:
        records = [
            {**asdict(s), "verdict": s.verdict, "needs_what_was_learnt": s.needs_what_was_learnt} for s in studies
        ]
        typer.echo(json.dumps({"model": loaded.version.ref, "data": data.name, "methods": records}, indent=2))
    else:
        typer.echo(f"{loaded.version.ref}, {len(pictures):,} correctly classified images of {data.name}\n")
        typer.echo(markdown(studies))


@app.command()
def robustness(
    data: Annotated[Path, typer.Option(help="A ZIP or folder of class folders, or the CIFAR-10 archive.")],
    model: Annotated[str, typer.Option(metavar="NAME[@VERSION]", help="The active one when not given.")] = "",
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", metavar="KIND", help=f"Repeat it for several; all when not given: {', '.join(CORRUPTIONS)}."
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="How many labelled images.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers in the corruptions.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measures how often a model is wrong about corrupted pictures, by kind and strength, and whether it knows it."""
    settings = get_settings()
    if unknown := [kind for kind in kinds or () if kind not in CORRUPTIONS]:
        raise typer.BadParameter(f"{unknown[0]!r} is not one of {', '.join(CORRUPTIONS)}.", param_hint="--kind")
    try:
        loaded = load(Registry.of(settings).get(model))
        pictures, labels = labelled_images(loaded.version, open_dataset(data), images)
        chosen, trained = tuple(dict.fromkeys(kinds or CORRUPTIONS)), trained_kinds(loaded.version)
        with _progress() as bar:
            task = bar.add_task(loaded.version.ref, total=1 + len(chosen) * len(STRENGTHS))
            found = measure_robustness(
                lambda shown: loaded.answers(shown)[0],
                pictures,
                labels,
                loaded.version.temperature,
                kinds=chosen,
                trained=trained or (),
                seed=seed,
                progress=lambda: bar.advance(task),
            )
    except DashboardError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    if as_json:
        told = {"model": loaded.version.ref, "data": data.name, **record(found, trained is not None)}
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(f"{loaded.version.ref}, {len(pictures):,} images of {data.name}, errors in percent\n")
        typer.echo(tables(found, trained is not None))


if __name__ == "__main__":
    app(prog_name="python -m dashboard.studies")
