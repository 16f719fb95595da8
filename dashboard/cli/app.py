"""The command line, with the functions of the pages. JSON goes to standard output, all other text to standard error."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from dashboard.cli.data import data_app
from dashboard.cli.doctor import doctor
from dashboard.cli.evaluate import evaluate
from dashboard.cli.explain import explain
from dashboard.cli.import_predictions import import_command
from dashboard.cli.models import models_app
from dashboard.cli.output import stop
from dashboard.cli.predict import predict
from dashboard.cli.run import run
from dashboard.cli.runs import runs_app
from dashboard.core.errors import DashboardError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")
app.command("import")(import_command)
for command in (run, predict, explain, evaluate, doctor):
    app.command()(command)


def main() -> None:
    """Runs the command line. Also reports the errors that no command handles: of settings, permissions and disks."""
    try:
        try:
            app(prog_name="python -m dashboard" if Path(sys.argv[0]).suffix == ".py" else "classifier-dashboard")
        except DashboardError as error:
            stop(error, "--json" in sys.argv)
        except OSError as error:
            denied = isinstance(error, PermissionError)
            way_out = "Give this user permission to read and write there." if denied else "Check the path and the disk."
            what = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."
            stop(DashboardError(what, way_out, "permission" if denied else "system"), "--json" in sys.argv)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
