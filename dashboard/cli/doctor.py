"""`python -m dashboard doctor`: check that everything works."""

from __future__ import annotations

from collections.abc import Callable

import typer

from dashboard.cli.arguments import AsJson, services
from dashboard.cli.output import console, plain_text, print_json
from dashboard.core.diagnostics.checks import Report
from dashboard.core.diagnostics.package_checks import only_packages
from dashboard.core.diagnostics.report_text import report_as_text
from dashboard.schemas.diagnostics import ReportRecord


def doctor(as_json: AsJson = False) -> None:
    """Check packages, TensorFlow, models, workers and storage. Exits with 1 if a check finds an error."""
    with console.status("Checking ...") as status:
        report = _report(lambda what: status.update(plain_text(f"Checking {what} ...")))
    if as_json:
        print_json(ReportRecord.of(report))
    else:
        typer.echo(report_as_text(report))  # not wrapped, because it contains commands to copy
    raise typer.Exit(1 if report.status == "error" else 0)


def _report(on_step: Callable[[str], None]) -> Report:
    try:
        import dashboard.core.diagnostics.model_checks  # noqa: F401 - needs more packages than the others
        from dashboard.core.diagnostics.diagnosis import run_checks

        opened = services()
    except ImportError as error:  # without this package nothing else can be checked
        return only_packages(error)
    with opened:
        return run_checks(opened.settings, opened.inference, opened.registry, opened.engine, on_step)
