"""`classifier-dashboard run`: serve the dashboard."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dashboard.core.settings import ROOT
from dashboard.core.shell import become


def run(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the server; 8501 by default.")] = None,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on, such as 127.0.0.1 for this machine only; all addresses by default."),
    ] = "",
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[-- OPTIONS]", help="Further options of `streamlit run`.")
    ] = None,
) -> None:
    """Serve the dashboard. Ctrl-C ends it."""
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    if port:
        command += ["--server.port", str(port)]
    if host:
        command += ["--server.address", host]
    become([*command, *(options or ())])
