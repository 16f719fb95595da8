"""`python -m dashboard runs label-issues`: labels that may be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.cli.arguments import AsJson, RunId, Where
from dashboard.cli.loading import load_run
from dashboard.cli.output import plain_text, print_json, show, stop, table_of
from dashboard.cli.records import file_error
from dashboard.core.errors import DashboardError
from dashboard.core.files import write_atomically
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.schemas.label_issues import LabelIssueRecord

SHOWN = 20


def show_label_issues(
    run_id: RunId,
    where: Where = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Also write all of them to a CSV file.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the images whose label may be wrong, the most doubtful first.

    They are found by cleanlab. A class without labelled images is suggested where the model is as confident as it is on
    average where its answer agrees with the label. The model must not have been trained on these images.
    """
    from dashboard.core.analysis.label_issues import MAY_LACK, issues_csv, issues_in_words, label_issues

    try:
        run = load_run(RunStore(get_settings().runs_dir).folder(run_id), where)
        run.check_probabilities()
        issues = label_issues(run)
        if out:
            try:
                write_atomically(out, issues_csv(run, issues))
            except OSError as error:
                raise file_error(out, error) from error
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(LabelIssueRecord.of_each(issues))
    else:
        table = table_of("file", "label", "suggested", "confidence")
        for row in issues.head(SHOWN).to_dict("records"):
            cells = (plain_text(row[name]) for name in ("file", "label", "suggested_label"))
            table.add_row(*cells, percent(row["confidence"]))
        if len(issues):
            show(table)
    show(f"{issues_in_words(len(issues), len(run.labelled))}. {MAY_LACK}", "bold")
    if len(issues) > SHOWN and not as_json:
        show(f"These are the {SHOWN} most doubtful; --json and --out give all.")
    if out:
        show(f"Wrote {out}")
