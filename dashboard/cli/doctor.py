"""Doctor."""

from __future__ import annotations

import typer

from dashboard.cli.arguments import AsJson, engine, registry
from dashboard.cli.output import console, plain_text, print_json
from dashboard.core.models.inference import Inference
from dashboard.core.settings import get_settings


def doctor(as_json: AsJson = False) -> None:
    """Check packages, TensorFlow, models, workers and storage. Exits with 1 when something is broken."""
    from dashboard.core.diagnostics.diagnosis import report_as_text, report_to_dict, run_checks

    settings = get_settings()
    with engine() as pool, console.status("Checking ...") as status:
        report = run_checks(
            settings,
            Inference(pool),
            registry(),
            pool,
            on_progress=lambda text: status.update(plain_text(text)),
        )
    if as_json:
        print_json(report_to_dict(report))
    else:
        typer.echo(report_as_text(report), err=True)  # not wrapped: it holds commands to copy
    raise typer.Exit(1 if report.status == "error" else 0)
