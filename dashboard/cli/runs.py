"""`python -m dashboard runs`: list, show, export and delete evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from dashboard.cli.arguments import AsJson, run_store
from dashboard.cli.output import console, plain_text, print_json, say, stop
from dashboard.cli.show_run import show_run
from dashboard.core.errors import DashboardError
from dashboard.core.runs.export import export_run, run_record
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore

runs_app = typer.Typer(no_args_is_help=True, help="List, show, export and delete evaluations.")

RunId = Annotated[str, typer.Argument(metavar="RUN_ID")]


@runs_app.command("list")
def list_runs(as_json: AsJson = False) -> None:
    """List the evaluations, newest first."""
    store = run_store()
    manifests = store.list()
    if as_json:
        print_json([_record(store, manifest) for manifest in manifests])
        return
    table = Table(Column("run", no_wrap=True, min_width=24), "dataset", "model", "images", "state", "created (UTC)")
    for m in manifests:
        created = m.created_utc.replace("T", " ").removesuffix("+00:00")
        name, model = plain_text(m.dataset_name), plain_text(m.model)
        table.add_row(m.run_id, name, model, f"{m.n_images:,}", store.folder(m.run_id).state(m), created)
    console.print(table)


def _record(store: RunStore, manifest: RunManifest) -> dict[str, Any]:
    name, _, version = manifest.model.partition("@")
    return {
        "run_id": manifest.run_id,
        "created_utc": manifest.created_utc,
        "state": store.folder(manifest.run_id).state(manifest),
        "dataset": manifest.dataset,
        "model": {"name": name, "version": version},
        "n_images": manifest.n_images,
        "seconds": manifest.seconds,
        "message": manifest.message,
    }


@runs_app.command("show")
def show(run_id: RunId, as_json: AsJson = False) -> None:
    """Show the figures of one evaluation."""
    try:
        store = run_store()
        run = store.folder(run_id).load(VIEW_COLUMNS)
        if as_json:
            print_json(run_record(run))
        else:
            show_run(run)
    except DashboardError as error:
        stop(error, as_json)


@runs_app.command("export")
def export(
    run_id: RunId,
    out: Annotated[Path, typer.Option(help="Folder for report.json, rows.csv and rows.parquet.")],
    as_json: AsJson = False,
) -> None:
    """Write the figures and the rows of one evaluation into a folder."""
    try:
        written = export_run(run_store().folder(run_id).load(VIEW_COLUMNS), out)
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json({"run_id": run_id, "files": [str(path) for path in written]})
    for path in written:
        say(f"Wrote {path}")


@runs_app.command("delete")
def delete(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN_ID...")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete evaluations; their datasets stay."""
    store = run_store()
    try:
        manifests = [store.folder(run_id).manifest() for run_id in run_ids]
        for m in manifests:
            say(f"{m.run_id}: {m.dataset_name}, {m.model}, {m.n_images:,} images")
        if not yes and not typer.confirm(f"Delete {len(manifests)} for good?", err=True):
            raise typer.Exit(1)
        for m in manifests:
            store.delete(m.run_id)
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json({"deleted": run_ids})
    say(f"Deleted {len(run_ids)}.")
