"""Loads the evaluation that a command is about."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.cli.output import say
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.left_out import not_finished
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run


def load_run(folder: RunFolder, where: Sequence[str] | None = None) -> Run:
    """The rows that pass the filter; says if the evaluation is not finished, or a file of it is damaged. Raises DatasetError."""
    run = folder.load(VIEW_COLUMNS, parse_filter(where or ()))
    if unfinished := not_finished(run):
        say(unfinished, "yellow")
    for fault in run.file_faults.values():
        say(str(fault), "yellow")
    return run
