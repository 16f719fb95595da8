"""`classifier-dashboard run`: serve the dashboard."""

from __future__ import annotations

import os
import socket
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
    if options and not options[0].startswith("-"):
        raise typer.BadParameter(
            f"{options[0]!r} is not an option. The port is given as `--port 9000`, options of Streamlit as `-- --NAME VALUE`."
        )
    command = [sys.executable, "-m", "dashboard.cli.streamlit_run", "run", str(ROOT / "app.py")]
    if port:
        command += ["--server.port", str(port)]
    if host:
        _must_be_of_this_machine(host)
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


def _must_be_of_this_machine(host: str) -> None:
    """Raises BadParameter if the server cannot listen on this address."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.bind(address)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "not a valid name"
        raise typer.BadParameter(
            f"{host} is not an address of this machine ({why}). Use 127.0.0.1 for this machine only, or 0.0.0.0 "
            "for all machines. For a name by which browsers reach the server, use --allow-host.",
            param_hint="--host",
        ) from error
