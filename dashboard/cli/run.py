"""`classifier-dashboard run`: serve the dashboard."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from dashboard.core.errors import DashboardError
from dashboard.core.settings import get_settings
from dashboard.core.shell import ROOT, become


def run(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the server; 8501 by default.")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine is answered. 0.0.0.0: all machines.")
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Name by which browsers reach this server, such as dashboard.example.com; can be repeated. Other names "
            "than this, the machine's own and localhost are refused. IP addresses are not.",
        ),
    ] = None,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[-- OPTIONS]", help="Further options of `streamlit run`.")
    ] = None,
) -> None:
    """Serve the dashboard. Ctrl-C ends it."""
    command = [sys.executable, "-m", "dashboard.cli.streamlit_run", "run", str(ROOT / "app.py")]
    if port:
        command += ["--server.port", str(port)]
    if host:
        command += ["--server.address", host]
    if allow_host:
        os.environ["DASHBOARD_ALLOWED_HOSTS"] = ",".join((*get_settings().allowed_hosts, *allow_host))
        get_settings.cache_clear()
        try:
            get_settings()
        except DashboardError as error:
            wrong = "Write the name of a host, such as dashboard.example.com, without http:// and without a port."
            raise typer.BadParameter(wrong, param_hint="--allow-host") from error
    become([*command, *(options or ())])
