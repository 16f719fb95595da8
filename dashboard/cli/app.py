"""The command line, with the functions of the pages. Answers go to standard output, notes and errors to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from dashboard.cli.lazy import LazyCommand, lazily
from dashboard.core.errors import DashboardError
from dashboard.core.shell import print_anything, program

# the name of each command, its module and name there, and the first paragraph of its help
COMMANDS = (
    ("run", "run", "run",
     "Serve the dashboard. Ctrl-C ends it."),
    ("predict", "predict", "predict",
     "Predict the class of each image. Exits with 1 if an image could not be predicted."),
    ("explain", "explain", "explain",
     "Show where a model looks: heatmaps over images. Exits with 1 if an image could not be explained."),
    ("evaluate", "evaluate", "evaluate",
     "Evaluate a model on a dataset. The result of the same dataset and version is reused."),
    ("import", "import_predictions", "import_command",
     "Import predictions made elsewhere as an evaluation without images."),
    ("doctor", "doctor", "doctor",
     "Check packages, TensorFlow, models, workers and storage. Exits with 1 if a check finds an error."),
    ("models", "models", "models_app",
     "List, add and choose model versions."),
    ("data", "data", "data_app",
     "Get datasets."),
    ("runs", "runs", "runs_app",
     "List, show, compare, export and delete evaluations."),
    ("report", "report", "report",
     "Write a report about an evaluation: one HTML file that needs no network, or Markdown."),
    ("history", "history", "history_app",
     "List, export and delete the predictions that were made."),
    ("feedback", "feedback", "feedback_app",
     "List and export what users say about predictions."),
    ("tokens", "tokens", "tokens_app",
     "Make, list and revoke tokens of the API."),
    ("password", "password", "password",
     "Set the password of the pages. It is asked for, or read from standard input."),
    ("audit", "audit", "audit",
     "List log-ins, changes of tokens and deletions, and restored evaluations and databases; the newest first."),
    ("database", "database", "database_app",
     "Check, back up and restore the database."),
)  # fmt: skip
NEED_WORKERS = ("predict", "explain", "evaluate")

_AS_JSON = "dashboard.json"  # in the context of a command
_UsageError: type[Any] = typer.BadParameter.__mro__[1]  # of click, which newer versions of typer bring along themselves


class _Commands(TyperGroup):
    """All commands. With --json, wrong usage is also told on standard output, in JSON."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **options: Any) -> Any:
        """The context of all commands."""
        as_json = "--json" in args
        with _telling_wrong_usage(as_json):
            context = super().make_context(info_name, args, *more, **options)
            context.meta[_AS_JSON] = as_json
            return context

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that the arguments name."""
        with _telling_wrong_usage(ctx.meta[_AS_JSON]):
            return super().invoke(ctx)


@contextmanager
def _telling_wrong_usage(as_json: bool) -> Iterator[None]:
    try:
        yield
    except _UsageError as error:  # typer tells it on standard error, and exits with 2
        if as_json:
            from dashboard.cli.output import print_json  # not at the top: the help does not need it
            from dashboard.schemas.errors import ErrorAnswer

            command = error.ctx.command_path if error.ctx else program()
            told = DashboardError(error.format_message(), f"See `{command} --help`.", "usage")
            print_json(ErrorAnswer.of(told))
        raise


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
for command, module, function, first_paragraph in COMMANDS:
    load = lazily(f"dashboard.cli.{module}", function, command in NEED_WORKERS)
    app.command(command, cls=LazyCommand, help=first_paragraph)(load)


def main() -> None:
    """Runs the command line. Also reports the errors that no command handles: of settings, packages, permissions and disks."""
    print_anything()
    try:
        try:
            app(prog_name=program())
        except DashboardError as error:
            _stop(error)
        except ImportError as error:
            from dashboard.core.diagnostics.not_started import why_not_started

            _stop(why_not_started(error))
        except OSError as error:
            from dashboard.core.files import refused  # not at the top: the help does not need it

            _stop(refused(error))
    except typer.Exit as ended:
        sys.exit(ended.exit_code)


def _stop(error: DashboardError) -> None:
    try:
        from dashboard.cli.output import stop  # not at the top: the help does not need it
    except ImportError:  # `error` says of which package
        sys.exit(str(error))
    stop(error, "--json" in sys.argv)
