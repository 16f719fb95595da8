"""`python -m dashboard evaluate`: a model on a whole dataset, also as a gate in a pipeline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.progress import Progress as Bar
from rich.progress import TaskID

from dashboard.cli.arguments import (
    AsJson,
    FitChoice,
    Junit,
    LabelColumn,
    LabelMap,
    LabelsFrom,
    Local,
    ModelRef,
    Split,
    ZipEncoding,
    read_share,
    services,
)
from dashboard.cli.loading import load_run
from dashboard.cli.output import print_json, progress, say, show, stop
from dashboard.cli.show_run import show_run
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.formats import FOLDERS, OFFERED, either
from dashboard.core.datasets.labels_option import labels_choice
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.asking import with_classes_named
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.opening import Found, OpenRun, open_run, take_up_run
from dashboard.core.evaluation.plan import RunPlan, plan_run
from dashboard.core.evaluation.work import Progress
from dashboard.core.labels.label_map import read_label_map
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.runs.export import export_run, make_export_folder
from dashboard.core.runs.left_out import failures
from dashboard.core.runs.manifest import RunManifest, new_run_id
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore, storage_error
from dashboard.core.shell import in_command
from dashboard.schemas.runs import RunRecord
from dashboard.services import Services

if TYPE_CHECKING:
    from dashboard.cli.check import Gate
    from dashboard.core.images.preprocessing import Fit

_POLL_S = 0.5


def evaluate(
    dataset: Annotated[
        Path | None,
        typer.Argument(help=f"{either([each.title for each in OFFERED])}; or {FOLDERS}."),
    ] = None,
    model: ModelRef = "",
    fit: FitChoice = None,
    labels: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="A table in the dataset, or a labels file elsewhere: CSV, JSON or Parquet of file and label; .npy or idx "
            "for arrays. `folders`: the names of the folders. `file-names`: their beginnings, as in cat.0.jpg.",
        ),
    ] = "",
    split: Split = "",
    label_column: LabelColumn = "",
    zip_encoding: ZipEncoding = "",
    labels_from: LabelsFrom = None,
    label_map: LabelMap = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for report.json, rows.csv and rows.parquet; created if it does not exist."),
    ] = None,
    resume: Annotated[str, typer.Option(metavar="RUN_ID", help="Resume an evaluation that was interrupted.")] = "",
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Number of own worker processes; implies --local.")
    ] = None,
    local: Local = False,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache", help="Evaluate again, also if the same version was evaluated on this dataset before."
        ),
    ] = False,
    min_accuracy: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", parser=read_share, help="Exit with 1 when the accuracy is below, like 0.93 or 93%."
        ),
    ] = None,
    checks: Annotated[
        Path | None, typer.Option(metavar="CHECKS.yml", help="Exit with 1 when one of these checks fails.")
    ] = None,
    junit: Junit = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a model on a dataset. The result of the same dataset and version is reused.

    Exits with 1 when there is no result, no image could be evaluated, the accuracy is too low or a check fails, with 2 on wrong usage or when the
    file of checks is wrong.
    """
    if (dataset is None) == (not resume):
        raise typer.BadParameter("Give either a dataset or --resume RUN_ID.")
    about_dataset = labels or label_column or label_map or split or zip_encoding or labels_from is not None
    if resume and (model or fit or no_cache or about_dataset):
        raise typer.BadParameter(
            "A resumed evaluation keeps its model, fit, split and labels: leave out --model, --fit, --labels, --label-column, "
            "--split, --zip-encoding, --labels-from, --map and --no-cache."
        )
    if junit and not checks:
        raise typer.BadParameter("--junit needs --checks.")
    opened = services(workers, local or workers is not None)
    store = opened.runs
    try:
        gate = _gate(checks, junit) if checks else None  # what is wrong there is told before the work, not after it
        if out:
            make_export_folder(out)
        if resume:
            run_or_found = take_up_run(resume, store, opened.registry)
        else:
            assert dataset is not None
            chosen = Choices(labels_choice(dataset, labels), split, zip_encoding, label_column)
            meanings = read_label_map(label_map or ())
            path = describe(dataset, with_classes_named(dataset, chosen, meanings), opened.settings.described_dir)
            version = opened.registry.get(model).fitting(cast("Fit | None", fit))
            if gate:
                gate.check_classes(version.class_names)
            plan = plan_run(path, version, meanings, labels_from)
            run_or_found = open_or_wait(plan, store, opened.settings.chunk_size, reuse=not no_cache)
        manifest = run_or_found.manifest if isinstance(run_or_found, Found) else _evaluate(opened, run_or_found)
        run = load_run(store.folder(manifest.run_id))
        outcomes = gate.apply(store, manifest.run_id) if gate else []
        record = gate.record(run, outcomes) if gate else RunRecord.of(run)
        written = export_run(run, out, record.to_text()) if out else []
    except DashboardError as error:
        stop(error, as_json)
    except OSError as error:
        stop(storage_error(store.root, error, resume), as_json)
    if as_json:
        print_json(record)
    show_run(run)
    for path in written:
        show(f"Wrote {path}")
    passed = gate.show(outcomes) if gate else True
    raise typer.Exit(_verdict(run, min_accuracy) if passed else 1)


def _gate(checks: Path, junit: Path | None) -> Gate:
    """Raises DatasetError."""
    from dashboard.cli.check import Gate  # needs much that an evaluation without checks does not

    return Gate(checks, junit)


def open_or_wait(plan: RunPlan, store: RunStore, chunk_size: int, reuse: bool) -> OpenRun | Found:
    """Calls `open_run` and prints its decision. Waits while another process works on a run with the same answers."""
    while True:
        opened = open_run(plan, store, chunk_size, new_run_id(), reuse)
        run_id = opened.manifest.run_id
        if isinstance(opened, Found):
            say("This was evaluated before; --no-cache evaluates it again.")
            return opened
        if isinstance(opened, OpenRun):
            if opened.taken_up:
                say(
                    f"Resuming the evaluation {run_id}, which was stopped; --no-cache starts again from the first image."
                )
            return opened
        say(f"Another process evaluates the same ({run_id}); waiting for it. --no-cache starts another evaluation.")
        while store.folder(run_id).is_owned():
            time.sleep(_POLL_S)


def _evaluate(opened: Services, run: OpenRun) -> RunManifest:
    with progress() as bar, opened:
        task = bar.add_task("Starting TensorFlow", total=None, rate="")
        opened.history.record_run(run.manifest.run_id, opened.visitor.called)
        try:
            return go_on(run, opened.engine, opened.settings.task_s, lambda p: _show_progress(bar, task, p))
        except KeyboardInterrupt:
            say(
                f"Stopped. Resume with: python -m dashboard evaluate --resume {in_command(run.manifest.run_id)}",
                "yellow",
            )
            raise


def _show_progress(bar: Bar, task: TaskID, p: Progress) -> None:
    rate = f"{p.images_per_second:,.0f} images/s"
    done, total = p.images
    bar.update(task, description="Evaluating", completed=done, total=total, rate=rate)


def _verdict(run: Run, least: float | None) -> int:
    """The exit code."""
    if run.evaluated.empty and len(failures(run)):
        say("No image of the dataset could be evaluated.", "red")
        return 1
    if least is None:
        return 0
    evaluation = run.evaluation()
    if evaluation is None:
        say("There is no accuracy to compare with --min-accuracy.", "red")
        return 1
    value, metric = evaluation.accuracy.value, BY_NAME["accuracy"]
    if value < least:
        decimals = max(2, metric.decimals_apart(value, least))
        say(f"The accuracy {metric.text(value, decimals)} is below the required {metric.text(least, decimals)}.", "red")
        return 1
    return 0
