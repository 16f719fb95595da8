"""`python -m dashboard audit`: who did what."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column

from dashboard.cli.arguments import AsJson
from dashboard.cli.output import plain_text, print_json, show, table_of
from dashboard.cli.records import records
from dashboard.schemas.audit import AuditRecord


def audit(
    most: Annotated[int, typer.Option(min=1, max=100_000, help="How many to list.")] = 100,
    before: Annotated[
        str, typer.Option(metavar="ID", help="Only those before the one with this `audit_id`, which --json shows.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List log-ins, changes of tokens and deletions, and restored evaluations and databases; the newest first."""
    with records(as_json) as opened:
        found = opened.audit.list(most, before)
    if as_json:
        print_json([AuditRecord.of(entry) for entry in found])
        return
    table = table_of(Column("time (UTC)", no_wrap=True), "who", "what", "of", "more")
    for entry in found:
        texts = (entry.user, entry.action, entry.subject, entry.detail)
        table.add_row(f"{entry.time_utc:%Y-%m-%d %H:%M:%S}", *map(plain_text, texts))
    show(table)
