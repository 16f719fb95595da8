"""Exports a run for other programs: its metrics as JSON, its rows as CSV and Parquet, some thousand rows at a time."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.errors import DatasetError
from dashboard.core.files import how_to_write_again, open_atomically, write_atomically
from dashboard.core.runs.run import Run

EXPORT_COLUMNS = ("file", "true_label", "predicted_label", "confidence", "status", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before each text that a spreadsheet would read as a formula."""

    def defuse(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

    def defuse_column(column: pd.Series) -> pd.Series:
        if isinstance(column.dtype, pd.CategoricalDtype):
            return column.cat.rename_categories(defuse)
        return column if pd.api.types.is_numeric_dtype(column) else column.map(defuse)

    return table.apply(defuse_column)


def write_csv(run: Run, out: IO[bytes]) -> None:
    """Writes one row per image, with a column `p_CLASS` for the probability of each class; UTF-8 with byte order mark.

    Raises:
        OSError, ArrowException: the rows cannot be read or written.
    """
    names = [f"p_{name}" for name in run.manifest.class_names]
    head = safe_for_spreadsheets(pd.DataFrame(columns=[*EXPORT_COLUMNS, *names]))
    out.write(head.to_csv(index=False).encode("utf-8-sig"))
    blank = np.full(len(names), np.nan)
    for rows in run.batches((*EXPORT_COLUMNS, "pred_probs")):
        probs = np.stack([blank if p is None else p for p in rows["pred_probs"]])
        table = safe_for_spreadsheets(rows[list(EXPORT_COLUMNS)])
        wide = pd.concat([table, pd.DataFrame(probs, columns=names, index=rows.index)], axis=1)
        out.write(wide.to_csv(index=False, header=False).encode("utf-8"))


def csv_bytes(run: Run) -> bytes:
    """The content of a CSV file with one row per image, see `write_csv`."""
    out = io.BytesIO()
    write_csv(run, out)
    return out.getvalue()


def parquet_bytes(run: Run) -> bytes:
    """The content of a Parquet file with one row per image and all columns. Raises OSError or ArrowException."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        _write_parquet(run, path)
        return path.read_bytes()


def _write_parquet(run: Run, path: Path) -> None:
    run.files.pack(path, run.table.index.to_numpy() if run.conditions else None)


def make_export_folder(folder: Path) -> None:
    """Creates the folder. Raises DatasetError when it cannot be created."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            f"{folder} cannot be created: {error.strerror}.",
            f"{how_to_write_again(error)}, or name another folder.",
            "storage",
        ) from error


def export_run(run: Run, folder: Path, report_json: str) -> list[Path]:
    """Writes report.json, rows.csv and rows.parquet into `folder` and returns their paths. Each is complete or absent.

    Args:
        report_json: the content of report.json.

    Raises:
        DatasetError: the files cannot be written, or the run is damaged.
    """
    report, csv, parquet = (folder / name for name in ("report.json", "rows.csv", "rows.parquet"))
    try:
        write_atomically(report, f"{report_json}\n".encode())
        with open_atomically(csv) as out:
            write_csv(run, out)
        _write_parquet(run, parquet)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error
        way_out = how_to_write_again(error if isinstance(error, OSError) else OSError())
        raise DatasetError(
            f"The results cannot be written to {folder}: {reason}.",
            f"{way_out}, or name another folder.",
            "storage",
        ) from error
    return [report, csv, parquet]
