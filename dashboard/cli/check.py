"""`python -m dashboard runs check`: an evaluation against a file of checks, as a gate in a pipeline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dashboard.cli.arguments import AsJson, Junit, RunId
from dashboard.cli.output import plain_text, print_json, show, stop, table_of
from dashboard.cli.records import file_error
from dashboard.core.analysis.checks.applying import apply_checks, check_classes
from dashboard.core.analysis.checks.check import Outcome
from dashboard.core.analysis.checks.junit import junit_xml
from dashboard.core.analysis.checks.reading import read_checks
from dashboard.core.errors import DashboardError, counted
from dashboard.core.files import write_atomically
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.schemas.checks import CheckedRunRecord, ChecksRecord


def check(
    run_id: RunId,
    checks: Annotated[Path, typer.Argument(metavar="CHECKS.yml", help="Checks such as `- accuracy >= 0.93`.")],
    junit: Junit = None,
    as_json: AsJson = False,
) -> None:
    """Check an evaluation against a file of checks.

    Exits with 1 when a check fails, or the evaluation does not exist, cannot be read or is not finished; with 2 when the
    file of checks is wrong.
    """
    try:
        gate = Gate(checks, junit)
        outcomes = gate.apply(RunStore(get_settings().runs_dir), run_id)
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(ChecksRecord.of(run_id, outcomes))
    raise typer.Exit(0 if gate.show(outcomes) else 1)


class Gate:
    """A file of checks that a run has to pass."""

    def __init__(self, checks: Path, junit: Path | None) -> None:
        """Reads the checks.

        Args:
            junit: a file that `apply` writes.

        Raises:
            DatasetError: with the code `checks`, if the file cannot be used.
        """
        self._file, self._junit = read_checks(checks), junit

    def check_classes(self, class_names: Sequence[str]) -> None:
        """Raises DatasetError with the code `checks` if a check is about another class."""
        check_classes(self._file, class_names)

    def apply(self, store: RunStore, run_id: str) -> list[Outcome]:
        """Applies the checks to a run and writes the JUnit file. Raises DashboardError."""
        began = time.monotonic()
        outcomes = apply_checks(self._file, store, run_id)
        if self._junit:
            try:
                write_atomically(self._junit, junit_xml(outcomes, self._file.name, time.monotonic() - began))
            except OSError as error:
                raise file_error(self._junit, error) from error
        return outcomes

    def record(self, run: Run, outcomes: Sequence[Outcome]) -> CheckedRunRecord:
        """The JSON report of the run with the outcomes. Raises DatasetError when its rows cannot be read."""
        return CheckedRunRecord.with_checks(run, outcomes)

    def show(self, outcomes: Sequence[Outcome]) -> bool:
        """Prints a table of the outcomes, and how many checks failed; True if none did."""
        table = table_of("check", "result", "what was found")
        for outcome in outcomes:
            result = plain_text("passed", "green") if outcome.passed else plain_text("FAILED", "red")
            table.add_row(plain_text(outcome.check.title), result, plain_text(outcome.message))
        show(table)
        failed = sum(not outcome.passed for outcome in outcomes)
        if failed:
            show(f"{failed} of {counted(len(outcomes), 'check')} failed.", "bold red")
        else:
            show(f"{counted(len(outcomes), 'check')} passed.", "bold")
        return not failed
