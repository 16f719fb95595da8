"""`python -m dashboard runs note`: what people think of an evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, get_args

import typer

from dashboard.cli.arguments import AsJson
from dashboard.cli.output import print_json, show, stop
from dashboard.core.errors import DashboardError, DatasetError
from dashboard.core.runs.annotations import Annotations, Verdict
from dashboard.core.runs.overview import overview
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.schemas.runs import RunSummary

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def note_run(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    note: Annotated[str | None, typer.Option(help="A note; empty to remove it.")] = None,
    verdict: Annotated[str | None, typer.Option(help="'to review', accepted or rejected; empty to remove it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set the note and the verdict of one evaluation, or show them."""

    def change(found: Annotations) -> Annotations:
        return replace(
            found,
            note=found.note if note is None else note.strip(),
            verdict=found.verdict if verdict is None else _verdict(verdict),
        )

    try:
        store = RunStore(get_settings().runs_dir)
        folder = store.folder(run_id)
        manifest = folder.manifest()  # before anything is written: there must be such a run
        if note is not None or verdict is not None:
            folder.beside.annotate(change)
        found = overview(folder, manifest)
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(RunSummary.of(found, store.visitor))
    show(f"{run_id}: {found.annotations.verdict or 'no verdict'}. {found.note}")


def _verdict(text: str) -> Verdict:
    for verdict in VERDICTS:
        if text.strip().lower().replace("-", " ") == verdict:
            return verdict
    raise DatasetError(f"{text!r} is not a verdict.", f"Use one of: {', '.join(filter(None, VERDICTS))}.", "choice")
