"""A run for other programs: its figures as JSON, its rows as CSV or Parquet, some thousand rows at a time."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.errors import DatasetError
from dashboard.core.files import open_atomically, write_json
from dashboard.core.runs.run import Run

EXPORT_COLUMNS = ("file", "true_label", "predicted_label", "confidence", "status", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before texts that a spreadsheet would take for a formula."""

    def defuse(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

    def defuse_column(column: pd.Series) -> pd.Series:
        if isinstance(column.dtype, pd.CategoricalDtype):
            return column.cat.rename_categories(defuse)
        return column if pd.api.types.is_numeric_dtype(column) else column.map(defuse)

    return table.apply(defuse_column)


def write_csv(run: Run, out: IO[bytes]) -> None:
    """One row an image, with a column `p_CLASS` for the probability of each class; UTF-8 with a byte order mark.

    Raises:
        OSError, ArrowException: the rows cannot be read or written.
    """
    names = [f"p_{name}" for name in run.manifest.class_names]
    head = safe_for_spreadsheets(pd.DataFrame(columns=[*EXPORT_COLUMNS, *names]))
    out.write(head.to_csv(index=False).encode("utf-8-sig"))
    blank = np.full(len(names), np.nan)
    for rows in run.files.batches((*EXPORT_COLUMNS, "pred_probs")):
        probs = np.stack([blank if p is None else p for p in rows["pred_probs"]])
        table = safe_for_spreadsheets(rows[list(EXPORT_COLUMNS)])
        wide = pd.concat([table, pd.DataFrame(probs, columns=names)], axis=1)
        out.write(wide.to_csv(index=False, header=False).encode("utf-8"))


def run_record(run: Run) -> dict[str, Any]:
    """A run as JSON: figures, confusion counts (rows are true labels), and every image that failed."""
    evaluation, manifest = run.evaluation(), run.manifest
    name, _, version = manifest.model.partition("@")
    return {
        "run_id": manifest.run_id,
        "state": run.state,
        "model": {"name": name, "version": version},
        "n_images": manifest.n_images,
        "n_evaluated": len(run.evaluated),
        "n_failed": len(run.failed),
        "failed": run.detail(run.failed, ["file", "reason"]).to_dict("records"),
        "accuracy": evaluation.accuracy.value if evaluation else None,
        "accuracy_ci95": [evaluation.accuracy.low, evaluation.accuracy.high] if evaluation else None,
        "macro_f1": evaluation.macro_f1 if evaluation else None,
        "ece15": evaluation.ece15 if evaluation else None,
        "confusion": {"labels": list(manifest.class_names), "counts": evaluation.confusion.tolist()}
        if evaluation
        else None,
        "seconds": manifest.seconds,
        "images_per_second": round(len(run.table) / manifest.seconds, 1) if manifest.seconds else None,
    }


def make_export_folder(folder: Path) -> None:
    """Raises DatasetError when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be made: {error.strerror}.", "Name another folder.", "storage") from error


def export_run(run: Run, folder: Path) -> list[Path]:
    """Writes report.json, rows.csv and rows.parquet into `folder`, each whole or not at all.

    Raises:
        DatasetError: they cannot be written, or the run is damaged.
    """
    report, csv, parquet = (folder / name for name in ("report.json", "rows.csv", "rows.parquet"))
    try:
        write_json(report, run_record(run))
        with open_atomically(csv) as out:
            write_csv(run, out)
        run.files.pack(parquet)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error
        raise DatasetError(
            f"The results cannot be written to {folder}: {reason}.",
            "Free some space or name another folder.",
            "storage",
        ) from error
    return [report, csv, parquet]
