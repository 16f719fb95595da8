"""`python -m dashboard report`: a document about an evaluation for those who were not there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.cli.arguments import AsJson, RunId, Where
from dashboard.cli.loading import load_run
from dashboard.cli.output import print_json, show, stop
from dashboard.core.analysis.findings.find import find_of
from dashboard.core.analysis.label_issues import label_issues
from dashboard.core.errors import DashboardError
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.reports.writing import write_report
from dashboard.schemas.runs import ExportRecord, ScoredRunRecord


def report(
    run_id: RunId,
    out: Annotated[
        Path,
        typer.Option(
            help="report.html, or report.md for Markdown with a Hugging Face model card; or a folder for both, with "
            "report.json, rows.csv and rows.parquet."
        ),
    ],
    compare: Annotated[
        str,
        typer.Option(
            "--compare",
            metavar="RUN_ID",
            help="Another evaluation of the same images, which is called B; differences are B minus A.",
        ),
    ] = "",
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Write a report about an evaluation: one HTML file that needs no network, or Markdown."""
    store = RunStore(get_settings().runs_dir)
    try:
        folder = store.folder(run_id)
        run = load_run(folder, where)
        written = write_report(
            run, store, find_of(run, folder), out, lambda: ScoredRunRecord.of(run).to_text(), compare, label_issues(run)
        )
    except DashboardError as error:
        stop(error, as_json, wrong_usage=error.code == "bad_name")
    if as_json:
        print_json(ExportRecord(run_id=run_id, state=run.state, files=[str(path) for path in written]))
    for path in written:
        show(f"Wrote {path}")
