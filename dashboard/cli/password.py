"""`python -m dashboard password`: the shared password of the pages."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from dashboard.cli.output import say, show, stop
from dashboard.cli.records import records
from dashboard.core.access.password import forget_password
from dashboard.core.errors import DashboardError


def password(
    remove: Annotated[bool, typer.Option("--remove", help="Open the pages to everybody again.")] = False,
) -> None:
    """Set the password of the pages. It is asked for, or read from standard input."""
    with records(as_json=False) as opened:
        if remove:
            removed = forget_password(opened.settings.data_dir)
        else:
            opened.password.set(_typed())
        if not remove or removed:
            opened.note("password.removed" if remove else "password.set", "pages")
        is_stated = opened.settings.password_hash.get_secret_value()
    if remove:
        show("The password was removed." if removed else "No password was stored, so none was removed.")
    else:
        show("The password was set.")
    if is_stated:
        say("But DASHBOARD_PASSWORD_HASH is set and takes precedence.", "yellow")


def _typed() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed = getpass.getpass("New password: ")
    if getpass.getpass("Again: ") != typed:
        stop(DashboardError("The two passwords differ.", "Try again.", "password_wrong"), as_json=False)
    return typed
