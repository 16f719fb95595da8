"""`python -m dashboard feedback`: what users say about predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.cli.arguments import AsJson
from dashboard.cli.output import plain_text, print_json, say, show, table_of
from dashboard.cli.records import file_error, records
from dashboard.core.database.faults import left_out
from dashboard.core.errors import DatabaseError, counted
from dashboard.core.feedback.exporting import write_labels, write_zip
from dashboard.core.files import open_atomically
from dashboard.schemas.history import FeedbackSummary, HistoryExportRecord

feedback_app = typer.Typer(no_args_is_help=True, help="List and export what users say about predictions.")

_Model = Annotated[str, typer.Option(help="Only on this NAME or NAME@VERSION.")]


@feedback_app.command("list")
def list_feedback(
    model: _Model = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the feedback, the newest first, and the share of predictions that were called right."""
    with records(as_json) as opened:
        damaged: list[DatabaseError] = []  # of all opinions, which the accuracy needs; those of the list are among them
        accuracy = opened.feedback.accuracy(model or None, damaged=damaged)
        opinions = opened.feedback.opinions(limit, model=model or None, damaged=[])
    if as_json:
        print_json(FeedbackSummary.of_all(accuracy, opinions, left_out(damaged)))
        return
    table = table_of("time (UTC)", "user", "file", "predicted", "true", "model", "note")
    for each in opinions:
        table.add_row(
            f"{each.time_utc:%Y-%m-%d %H:%M}",
            plain_text(each.user),
            plain_text(each.file),
            plain_text(each.predicted_label),
            plain_text(each.true_label or "(another)"),
            plain_text(f"{each.model_name}@{each.model_version}"),
            plain_text(each.note),
        )
    show(table)
    if accuracy:
        right = accuracy.right
        share = f"Called right: {right} of {counted(right.n, 'prediction')}. " if right else ""
        show(f"{share}{accuracy.notes}")
    if damaged:
        say(left_out(damaged), "yellow")


@feedback_app.command("export")
def export(
    out: Annotated[
        Path, typer.Option(help="A .zip file of class folders, which can be evaluated, or a .csv file of labels.")
    ],
    model: _Model = "",
    as_json: AsJson = False,
) -> None:
    """Write the images with the labels that users gave, or the labels alone."""
    if out.suffix.lower() not in (".zip", ".csv"):
        raise typer.BadParameter("End the name with .zip or .csv.", param_hint="--out")
    with records(as_json) as opened:
        damaged: list[DatabaseError] = []
        opinions = opened.feedback.opinions(None, model=model or None, damaged=damaged)
        if damaged and not opinions:
            raise damaged[0]
        try:
            with open_atomically(out) as file:
                is_zip = out.suffix.lower() == ".zip"
                done = write_zip(opinions, opened.history, file) if is_zip else write_labels(opinions, file)
        except OSError as error:
            raise file_error(out, error) from error
    if as_json:
        print_json(
            HistoryExportRecord(
                file=str(out), written=done.written, missing=done.missing, disputed=done.disputed,
                note=left_out(damaged),
            )
        )  # fmt: skip
    show(f"Wrote {counted(done.written, 'image' if is_zip else 'row')} into {out}")
    if damaged:
        say(left_out(damaged), "yellow")
    if done.missing:
        say(f"{counted(done.missing, 'image')} could not be written; not_exported.json in the file says which.")
    if done.disputed:
        are = "is" if done.disputed == 1 else "are"
        say(
            f"{counted(done.disputed, 'image')} {are} left out, because there are different answers about the true label."
        )
