"""Writes a report into a file, or everything about a run into a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from dashboard.core.analysis.findings.finding import Finding
from dashboard.core.errors import DatasetError
from dashboard.core.files import how_to_write_there, write_atomically
from dashboard.core.runs.export import export_run, make_export_folder
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from dashboard.reports.build import report_of
from dashboard.reports.document import Document
from dashboard.reports.html_file import to_html
from dashboard.reports.markdown_file import to_markdown

_WRITERS: dict[str, Callable[[Document], str]] = {".html": to_html, ".htm": to_html, ".md": to_markdown}


def write_report(
    run: Run,
    store: RunStore,
    findings: Sequence[Finding],
    out: Path,
    report_json: Callable[[], str],
    compare: str = "",
    doubtful: pd.DataFrame | None = None,
) -> list[Path]:
    """Writes the report about a run and returns the paths of what was written. Each file is complete or absent.

    Args:
        findings: about the run, see `find`.
        out: a file that ends in .html or .md; or a folder, which then gets both and report.json, rows.csv and
            rows.parquet.
        report_json: gives the content of report.json.
        compare, doubtful: as in `report_of`.

    Raises:
        DatasetError: the name has another ending, nothing can be written there, or rows cannot be read.
        DependencyError: the charts of the HTML file cannot be made.
    """
    is_folder = out.is_dir() or not out.suffix
    if not is_folder and out.suffix.lower() not in _WRITERS:
        raise DatasetError(
            f"A report cannot be written as {out.suffix}.",
            "Name a file that ends in .html or .md, or a folder.",
            "bad_name",
        )
    report = report_of(run, store, findings, compare, doubtful=doubtful)
    if not is_folder:
        return [_write(out, _WRITERS[out.suffix.lower()](report))]
    make_export_folder(out)
    reports = [_write(out / f"report{suffix}", _WRITERS[suffix](report)) for suffix in (".html", ".md")]
    return [*reports, *export_run(run, out, report_json())]


def _write(path: Path, text: str) -> Path:
    try:
        write_atomically(path, text.encode("utf-8"))
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be written: {error.strerror or error}.",
            how_to_write_there(error, "place"),
            "storage",
        ) from error
    return path
