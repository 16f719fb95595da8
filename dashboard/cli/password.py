"""`python -m dashboard password`: the shared password of the pages."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from dashboard.cli.output import show, stop
from dashboard.cli.records import records
from dashboard.core.access.password import forget_password
from dashboard.core.errors import DashboardError


def password(
    remove: Annotated[bool, typer.Option("--remove", help="Open the pages to everybody again.")] = False,
) -> None:
    """Set the password of the pages. It is asked for, or read from standard input."""
    with records(as_json=False) as opened:
        if remove:
            forget_password(opened.settings.data_dir)
        else:
            opened.password.set(_typed())
        opened.note("password.removed" if remove else "password.set", "pages")
    show("The password was removed." if remove else "The password was set.")


def _typed() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed = getpass.getpass("New password: ")
    if getpass.getpass("Again: ") != typed:
        stop(DashboardError("The two passwords differ.", "Try again.", "password_wrong"), as_json=False)
    return typed
