"""`python -m dashboard tokens`: who may use the API."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column

from dashboard.cli.arguments import AsJson
from dashboard.cli.output import plain_text, print_json, say, show, table_of
from dashboard.cli.records import records, until
from dashboard.core.access.tokens import SCOPES
from dashboard.schemas.tokens import NewTokenRecord, TokenRecord

tokens_app = typer.Typer(no_args_is_help=True, help="Make, list and revoke tokens of the API.")
_MOST_DAYS = 36_500


def _known_days(days: float | None) -> float | None:
    if days is None or 0 < days <= _MOST_DAYS:
        return days
    raise typer.BadParameter(
        f"The number of days must be more than 0 and at most {_MOST_DAYS:,}, but it is {days:g}. Write 0.5 for twelve hours; "
        "leave the option out for a token that never expires."
    )


@tokens_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who or what it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it is for: {', '.join(SCOPES)}; predict when not given. Repeat it for more."),
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(help="Days until it expires, at most 36500; never when not given.", callback=_known_days),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. Its secret is shown this once."""
    with records(as_json) as opened:
        token, secret = opened.tokens.create(name, scope or ["predict"], until(days) if days else None)
        opened.note("token.created", token.token_id, f"{token.name}: {','.join(token.scopes)}")
    if as_json:
        print_json(NewTokenRecord.of_new(token, secret))
        return
    say(f"The token {token.name!r}, which is not shown again; send it in the header `Authorization: Bearer ...`:")
    typer.echo(secret)


@tokens_app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the tokens, newest first."""
    with records(as_json) as opened:
        tokens = [TokenRecord.of(token) for token in opened.tokens.list()]
    if as_json:
        print_json(tokens)
        return
    table = table_of("name", Column("begins with", no_wrap=True), "scopes", "state", "expires", "last used")
    for token in tokens:
        times = (_minute(token.expires_utc), _minute(token.last_used_utc))
        table.add_row(plain_text(token.name), token.prefix, ", ".join(token.scopes), token.state, *times)
    show(table)


@tokens_app.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Its name, its id or the beginning of its secret.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a token for good."""
    with records(as_json) as opened:
        revoked = opened.tokens.revoke(token)
        opened.note("token.revoked", revoked.token_id, revoked.name)
    if as_json:
        print_json(TokenRecord.of(revoked))
    show(f"Revoked {revoked.name!r}.")


def _minute(time_utc: str | None) -> str:
    return f"{time_utc[:16].replace('T', ' ')} UTC" if time_utc else "never"
