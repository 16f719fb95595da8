"""`python -m dashboard runs`: list, show, compare, annotate, export and delete evaluations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column

from dashboard.cli.arguments import AsJson, RunId, Where, services
from dashboard.cli.check import check
from dashboard.cli.compare_runs import compare_runs
from dashboard.cli.findings import show_findings
from dashboard.cli.label_issues import show_label_issues
from dashboard.cli.loading import load_run
from dashboard.cli.note_run import note_run
from dashboard.cli.output import ask, plain_text, print_json, run_column, say, show, stop, table_of
from dashboard.cli.show_run import show_run, show_scores
from dashboard.cli.trust import show_guarantee, show_prediction_sets
from dashboard.core.errors import DashboardError, DatasetError, counted
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.files import refused
from dashboard.core.models.registry import Registry
from dashboard.core.runs.export import export_run
from dashboard.core.runs.folder import DAYS_KEPT
from dashboard.core.runs.overview import overviews
from dashboard.core.runs.store import DamagedRun, RunStore
from dashboard.core.settings import get_settings
from dashboard.schemas.errors import ErrorRecord
from dashboard.schemas.runs import (
    DeletedRunRecord,
    DeletionRecord,
    ExportRecord,
    FailedRun,
    RestorationRecord,
    RunSummary,
    ScoredRunRecord,
)

runs_app = typer.Typer(no_args_is_help=True, help="List, show, compare, export and delete evaluations.")
runs_app.command("compare")(compare_runs)
runs_app.command("note")(note_run)
runs_app.command("check")(check)
runs_app.command("findings")(show_findings)
runs_app.command("label-issues")(show_label_issues)
runs_app.command("guarantee")(show_guarantee)
runs_app.command("prediction-sets")(show_prediction_sets)


@runs_app.command("list")
def list_runs(
    deleted: Annotated[bool, typer.Option("--deleted", help="List the deleted evaluations instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the evaluations, newest first."""
    store = _store()
    if deleted:
        _list_deleted(store, as_json)
        return
    try:
        runs, damaged = overviews(store), store.damaged()
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json([*(RunSummary.of(run, store.visitor) for run in runs), *map(RunSummary.of_damaged, damaged)])
        _say_damaged(damaged)
        return
    said = {run.manifest.run_id: ", ".join(filter(None, (run.annotations.verdict, run.note))) for run in runs}
    words = map(Column, ("accuracy", "images", "state"))
    users = any(run.manifest.user for run in runs)
    further = [*(["user"] if users else []), *(["verdict, note"] if any(said.values()) else [])]
    table = table_of(run_column(), "dataset", "model", *words, *further)
    names = _model_names()
    for run in runs:
        m = run.manifest
        table.add_row(
            m.run_id,
            plain_text(m.dataset_name),
            plain_text(names.of(m)),
            str(run.accuracy or "-"),
            f"{m.n_real_images:,}",
            run.state,
            *([plain_text(m.user)] if users else []),
            *([plain_text(said[m.run_id])] if any(said.values()) else []),
        )
    show(table, may_lack=("verdict, note", "images", "state", "user"))
    for run in runs:
        if run.state == "paused":
            say(f"{run.manifest.run_id} is paused. {run.manifest.message}", "yellow")
    _say_damaged(damaged)


def _say_damaged(damaged: Sequence[DamagedRun]) -> None:
    for run in damaged:
        say(f"{run.reason} {run.fix}", "yellow")


def _list_deleted(store: RunStore, as_json: bool) -> None:
    found = store.bin.list()
    if as_json:
        print_json([DeletedRunRecord.of(run) for run in found])
        return
    table = table_of(run_column(), "dataset", "model", "deleted (UTC)", "days left")
    names = _model_names()
    for run in found:
        m = run.manifest
        dataset, model = (m.dataset_name, names.of(m)) if m else ("damaged", "")
        table.add_row(
            plain_text(run.run_id), plain_text(dataset), plain_text(model), run.deleted_utc[:16].replace("T", " "),
            str(run.days_left),
        )  # fmt: skip
    show(table)


@runs_app.command("show")
def show_figures_of(run_id: RunId, where: Where = None, as_json: AsJson = False) -> None:
    """Show the figures of one evaluation, each with its 95% interval."""
    try:
        run = load_run(_store().folder(run_id), where)
        if as_json:
            print_json(ScoredRunRecord.of(run))
        else:
            show_run(run)
            show_scores(run.scores)
    except DashboardError as error:
        stop(error, as_json)


@runs_app.command("export")
def export(
    run_id: RunId,
    out: Annotated[Path, typer.Option(help="Folder for report.json, rows.csv and rows.parquet.")],
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Write the figures and the rows of one evaluation into a folder."""
    try:
        run = load_run(_store().folder(run_id), where)
        written = export_run(run, out, ScoredRunRecord.of(run).to_text())
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(ExportRecord(run_id=run_id, state=run.state, files=[str(path) for path in written]))
    for path in written:
        show(f"Wrote {path}")


@runs_app.command("delete")
def delete(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN_ID...")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete evaluations; they can be restored for 7 days. Their datasets stay.

    If one of them is not known, none is deleted.
    """
    store, names = _store(), _model_names()
    try:
        for run_id in dict.fromkeys(run_ids):
            say(f"{run_id}: {_what_is_deleted(store, names, run_id)}")
        if not yes:
            ask(f"Delete {counted(len(set(run_ids)), 'evaluation')}?", as_json)
        with services() as opened:
            deleted, failed = _each(run_ids, opened.runs.delete, "deleted")
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(DeletionRecord(deleted=deleted, failed=failed))
    show(
        f"Deleted {counted(len(deleted), 'evaluation')}. For {DAYS_KEPT} days, `python -m dashboard runs restore RUN_ID` brings one back."
    )
    _end_if_failed(failed)


def _each(run_ids: Sequence[str], change: Callable[[str], None], participle: str) -> tuple[list[str], list[FailedRun]]:
    """Changes each run once: the ids of those that were changed, and why the others were not.

    Args:
        participle: what the change is, as in "It cannot be deleted".

    Raises:
        DashboardError: the first reason, if no run was changed.
    """
    done: list[str] = []
    failed: dict[str, DashboardError] = {}
    for run_id in dict.fromkeys(run_ids):
        try:
            change(run_id)
            done.append(run_id)
        except DashboardError as error:
            failed[run_id] = error
        except OSError as error:
            why = refused(error)
            failed[run_id] = DashboardError(
                f"The evaluation cannot be {participle}: {why.message}", f"{why.fix} Then try again.", why.code
            )
    if failed and not done:
        raise next(iter(failed.values()))
    return done, [FailedRun(run_id=run_id, error=ErrorRecord.of(error)) for run_id, error in failed.items()]


def _end_if_failed(failed: Sequence[FailedRun]) -> None:
    for each in failed:
        say(f"{each.run_id}: {each.error.message} {each.error.fix}", "red")
    if failed:
        raise typer.Exit(1)


def _what_is_deleted(store: RunStore, names: ModelNames, run_id: str) -> str:
    """A line about a run. Raises DatasetError if there is none."""
    folder = store.folder(run_id)
    folder.check_exists()
    try:
        m = folder.manifest()
    except DatasetError:
        return "a damaged evaluation"
    return f"{m.dataset_name}, {names.of(m)}, {m.n_real_images:,} images"


@runs_app.command("restore")
def restore(run_ids: Annotated[list[str], typer.Argument(metavar="RUN_ID...")], as_json: AsJson = False) -> None:
    """Bring deleted evaluations back."""
    try:
        with services() as opened:
            restored, failed = _each(run_ids, opened.runs.restore, "restored")
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(RestorationRecord(restored=restored, failed=failed))
    show(f"Restored {counted(len(restored), 'evaluation')}.")
    _end_if_failed(failed)


@runs_app.command("empty-bin")
def empty_bin(
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False, as_json: AsJson = False
) -> None:
    """Remove all deleted evaluations for good, which frees their space."""
    count = len(_store().bin.list())
    if count and not yes:
        ask(f"Remove {counted(count, 'deleted evaluation')} for good?", as_json)
    with services() as opened:
        removed = opened.runs.empty_bin()
    if as_json:
        print_json(DeletionRecord(deleted=list(removed), failed=[]))
    show(f"Removed {counted(len(removed), 'deleted evaluation')} for good.")
    if len(removed) < count:
        say(f"{count - len(removed)} could not be removed; see the log.", "yellow")
        raise typer.Exit(1)


def _store() -> RunStore:
    return RunStore(get_settings().runs_dir)


def _model_names() -> ModelNames:
    return ModelNames(Registry.of(get_settings()))
