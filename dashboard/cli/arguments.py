"""Options that several commands have, and the services that they work with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from dashboard.core.engine.contract import Engine
from dashboard.core.models.registry import Registry
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.services import Services, open_services

LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="What a label means: LABEL=CLASS, LABEL= to leave it out, 'LABEL=(no label)' to predict only, or a JSON "
        "file of these.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]

ModelRef = Annotated[str, typer.Option("--model", help="NAME or NAME@VERSION; the active one when not given.")]


def services(workers: int = 1) -> Services:
    """The services of a command. Its workers start all at once, and only when the command gives them something to do."""
    return open_services(get_settings(), workers, stagger_s=0)


def registry() -> Registry:
    """The model versions."""
    return services().registry


def run_store() -> RunStore:
    """The evaluations."""
    return services().runs


@contextmanager
def engine(size: int = 1) -> Iterator[Engine]:
    """Workers that end with the `with` block; all start at once."""
    with services(size) as opened:
        yield opened.engine
