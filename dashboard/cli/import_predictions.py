"""`python -m dashboard import`: stores predictions made elsewhere as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.cli.arguments import AsJson, LabelMap, LabelsFrom, services
from dashboard.cli.output import print_json, progress, say, show, stop
from dashboard.cli.show_run import show_figures
from dashboard.core.errors import DashboardError, counted
from dashboard.core.importing.opening import read_arrays
from dashboard.core.importing.predictions import Imported, ImportRequest, import_predictions
from dashboard.core.labels.class_names import check_class_names, read_class_names
from dashboard.core.labels.label_map import read_label_map
from dashboard.schemas.runs import ImportRecord


def import_command(
    predictions: Annotated[
        Path, typer.Argument(help="CSV or Parquet with columns p_CLASS, or .npy / .npz of pred_probs (N, classes).")
    ],
    labels: Annotated[
        Path | None, typer.Option(help="True labels: .npy, CSV, JSON or Parquet, in the same order or by file name.")
    ] = None,
    class_names: Annotated[
        str,
        typer.Option(
            help="In the order of the probabilities: a,b,c or a text file with one per line. If each row has one probability: both classes, that of the probability last."
        ),
    ] = "",
    arrays: Annotated[
        str,
        typer.Option(
            metavar="PROBS,LABELS", help="The arrays of an .npz that hold the probabilities and the true labels."
        ),
    ] = "",
    model: Annotated[str, typer.Option(help="Use the class names of this model: NAME or NAME@VERSION.")] = "",
    name: Annotated[
        str, typer.Option(help="Name of the model or program that made the predictions; else the name of the file.")
    ] = "",
    labels_from: LabelsFrom = None,
    label_map: LabelMap = None,
    as_json: AsJson = False,
) -> None:
    """Import predictions made elsewhere as an evaluation without images."""
    if class_names and model:
        raise typer.BadParameter("Give either --class-names or --model, not both.")
    opened = services()
    try:
        names: tuple[str, ...] | None = None
        if class_names:
            names = read_class_names(class_names)
            check_class_names(names)
        elif model:
            names = opened.registry.get(model).class_names
        with progress() as bar:
            task = bar.add_task("Importing", total=None, rate="")
            meanings = read_label_map(label_map or ())
            reading = read_arrays(predictions, arrays) if arrays else None
            request = ImportRequest(predictions, names, labels, name, meanings, labels_from, reading)
            imported = import_predictions(
                request,
                opened.runs,
                lambda done, total: bar.update(task, completed=done, total=total),
            )
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(ImportRecord.of(imported))
    _show(imported)


def _show(imported: Imported) -> None:
    manifest, evaluation = imported.manifest, imported.evaluation
    for note in manifest.notes:
        say(note)
    if count := imported.n_failed:
        say(f"{counted(count, 'row')} {'has' if count == 1 else 'have'} no prediction.", "yellow")
    if imported.n_left_out:
        say(f"{counted(imported.n_left_out, 'row')} left out by choice.", "yellow")
    if evaluation is None:
        say("There are no true labels. Give them with --labels to get the accuracy.", "yellow")
    else:
        show_figures(evaluation, imported.n_evaluated)
    show(f"Evaluation {manifest.run_id}, {manifest.seconds:.1f} s")
