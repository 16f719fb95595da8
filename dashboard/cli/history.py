"""`python -m dashboard history`: the predictions that were made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column

from dashboard.cli.arguments import AsJson, read_share
from dashboard.cli.output import ask, plain_text, print_json, say, show, table_of
from dashboard.cli.records import file_error, moment, records
from dashboard.core.database.faults import left_out
from dashboard.core.errors import DatabaseError, counted
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.files import open_atomically
from dashboard.core.history.entry import SOURCES, HistoryFilter, Source
from dashboard.core.metrics.percent import percent
from dashboard.schemas.history import HistoryDeletionRecord, HistoryExportRecord, HistoryPage

history_app = typer.Typer(no_args_is_help=True, help="List, export and delete the predictions that were made.")

_From = Annotated[str, typer.Option("--from", metavar="TIME", help="Not before this date or time, UTC.")]
_Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Before this date or time, UTC.")]
_Source = Annotated[str, typer.Option(metavar="SOURCE", help=f"Only from: {', '.join(SOURCES)}.")]
_User = Annotated[str, typer.Option(help="Only of this user.")]
_Model = Annotated[str, typer.Option(help="Only of this NAME or NAME@VERSION.")]
_Label = Annotated[str, typer.Option(help="Only with this predicted class.")]
_Least = Annotated[
    float | None,
    typer.Option(
        "--least-confidence",
        metavar="SHARE",
        parser=read_share,
        help="Only with at least this confidence, such as 0.8 or 80%.",
    ),
]
_Most = Annotated[
    float | None,
    typer.Option("--most-confidence", metavar="SHARE", parser=read_share, help="Only with at most this confidence."),
]
_Doubt = Annotated[
    bool | None,
    typer.Option("--doubt/--no-doubt", help="Only if the image probably shows none of the classes, or only if not."),
]
_Sha = Annotated[str, typer.Option("--image-sha256", help="Only of this image.")]


@history_app.command("list")
def list_predictions(
    from_: _From = "", until: _Until = "", source: _Source = "", user: _User = "", model: _Model = "", label: _Label = "",
    least: _Least = None, most: _Most = None, doubt: _Doubt = None, image_sha256: _Sha = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    cursor: Annotated[str, typer.Option(help="Continue after a page: its next_cursor.")] = "",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """List predictions, the newest first."""
    asked = _asked(from_, until, source, user, model, label, least, most, doubt, image_sha256)
    with records(as_json) as opened:
        page, names = opened.history.query(asked, limit, cursor or None), ModelNames(opened.registry)
        damaged: list[DatabaseError] = []
        said = opened.feedback.opinions(None, about=page.entries, damaged=damaged)
    if as_json:
        print_json(HistoryPage.of(page, said, "", damaged))
        return
    words = (Column(title) for title in ("time (UTC)", "source"))
    table = table_of(*words, "user", "file", "predicted", Column("confidence"), "model")
    for entry in page.entries:
        unknown = ", but probably none of the classes" if entry.doubt else ""
        table.add_row(
            f"{entry.time_utc:%Y-%m-%d %H:%M:%S}",
            entry.source,
            plain_text(entry.user),
            plain_text(entry.file),
            plain_text(entry.label + unknown),
            percent(entry.confidence),
            plain_text(names.fitted(f"{entry.model_name}@{entry.model_version}", entry.fit)),
        )
    show(table, may_lack=("user", "source"))
    if page.note:
        say(page.note, "yellow")
    if page.next_cursor:
        say(f"There are more: add `--cursor {page.next_cursor}`.")


@history_app.command("export")
def export(
    out: Annotated[Path, typer.Option(help="A .csv file, or .jsonl for one JSON object a line.")],
    from_: _From = "", until: _Until = "", source: _Source = "", user: _User = "", model: _Model = "", label: _Label = "",
    least: _Least = None, most: _Most = None, doubt: _Doubt = None, image_sha256: _Sha = "", as_json: AsJson = False,
) -> None:  # fmt: skip
    """Write predictions into a file, the newest first, with what users said about them."""
    from dashboard.core.feedback.exporting import feedback_on
    from dashboard.core.history.exporting import write_csv, write_json_lines

    asked = _asked(from_, until, source, user, model, label, least, most, doubt, image_sha256)
    write = {".csv": write_csv, ".jsonl": write_json_lines}.get(out.suffix.lower())
    if write is None:
        raise typer.BadParameter("End the name with .csv or .jsonl.", param_hint="--out")
    damaged: list[DatabaseError] = []
    with records(as_json) as opened:
        try:
            said = feedback_on(opened.feedback.opinions(None, damaged=damaged), "")
            with open_atomically(out) as file:
                written = write(opened.history.walk(asked, damaged), file, said)
        except OSError as error:
            raise file_error(out, error) from error
    if as_json:
        print_json(HistoryExportRecord(file=str(out), written=written, missing=0, note=left_out(damaged)))
    show(f"Wrote {counted(written, 'prediction')} into {out}")
    for note in filter(None, (asked.left_out, left_out(damaged))):
        say(note, "yellow")


@history_app.command("delete")
def delete(
    before: Annotated[str, typer.Option("--before", metavar="TIME", help="Date or time, UTC.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete predictions that were made before a time. Those of evaluations stay until the evaluation is deleted."""
    end = moment(before)
    with records(as_json) as opened:
        if not yes:
            ask(f"Delete all predictions before {end:%Y-%m-%d %H:%M} permanently?", as_json)
        deleted = opened.history.delete_before(end)
        opened.note("history.deleted", f"before {end.isoformat()}", counted(deleted, "prediction"))
    if as_json:
        print_json(HistoryDeletionRecord(deleted=deleted))
    show(f"Deleted {counted(deleted, 'prediction')}.")


def _asked(
    from_: str, until: str, source: str, user: str, model: str, label: str,
    least: float | None, most: float | None, doubt: bool | None, image_sha256: str,
) -> HistoryFilter:  # fmt: skip
    chosen: Source | None = next((each for each in SOURCES if each == source), None)
    if source and chosen is None:
        raise typer.BadParameter(f"Choose one of {', '.join(SOURCES)}.", param_hint="--source")
    return HistoryFilter(
        from_utc=moment(from_) if from_ else None,
        until_utc=moment(until) if until else None,
        source=chosen,
        user=user or None,
        model=model or None,
        label=label or None,
        least_confidence=least,
        most_confidence=most,
        doubt=doubt,
        image_sha256=image_sha256.lower() or None,
    )
