"""Exports a run for other programs: its metrics as JSON, its rows as CSV and Parquet, some thousand rows at a time."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.errors import DatasetError
from dashboard.core.files import how_to_write_there, open_atomically, write_atomically
from dashboard.core.runs.rows import DOUBT, PROPERTY_FIELDS, SCORE_COLUMNS, STORED
from dashboard.core.runs.run import Run, damaged

EXPORT_COLUMNS = ("file", "true_label", "predicted_label", "confidence", "status", "reason")
_MORE = ("index", *SCORE_COLUMNS, DOUBT, *(field.name for field in PROPERTY_FIELDS))
_WHOLE = [field.name for field in STORED if field.name in _MORE and pa.types.is_integer(field.type)]
_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}  # whole numbers stay so beside missing ones
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe_for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before each text that a spreadsheet would read as a formula."""

    def defuse_column(column: pd.Series) -> pd.Series:
        if isinstance(column.dtype, pd.CategoricalDtype):
            return column.cat.rename_categories(_defused)
        return column if pd.api.types.is_numeric_dtype(column) else column.map(_defused)

    return table.apply(defuse_column)


def _defused(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_csv(run: Run, out: IO[bytes]) -> None:
    """Writes one row per image; UTF-8 with byte order mark.

    After EXPORT_COLUMNS come a column `p_CLASS` for the probability of each class, the scores, the doubt and the
    measured properties, and the further columns of the dataset.

    Raises:
        OSError, ArrowException: the rows cannot be read or written.
    """
    names = [f"p_{name}" for name in run.manifest.class_names]
    columns = [*EXPORT_COLUMNS, *names, *_MORE]
    header = [*columns, *map(_defused, _further_names(run, columns))]
    out.write(pd.DataFrame(columns=header).to_csv(index=False).encode("utf-8-sig"))
    blank = np.full(len(names), np.nan)
    for rows in run.batches((*EXPORT_COLUMNS, "pred_probs", *_MORE)):
        probs = np.stack([blank if p is None else p for p in rows["pred_probs"]])
        parts = [
            safe_for_spreadsheets(rows[list(EXPORT_COLUMNS)]),
            pd.DataFrame(probs, columns=names, index=rows.index),
            rows[list(_MORE)].astype(dict.fromkeys(_WHOLE, "Int64")),
        ]
        out.write(with_further_columns(run, pd.concat(parts, axis=1)).to_csv(index=False, header=False).encode())


def with_further_columns(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """A table with the column `index`, followed by the further columns of the dataset, which are safe for spreadsheets.

    Raises:
        DatasetError: these cannot be read.
    """
    further = run.further_columns(table["index"].to_numpy(np.int64))
    if not further.num_columns:
        return table
    further = further.rename_columns([*map(_defused, _further_names(run, [*table.columns]))])
    columns = safe_for_spreadsheets(further.to_pandas(types_mapper=_NULLABLE.get))
    return pd.concat([table, columns.set_axis(table.index)], axis=1)


def _further_names(run: Run, taken: Collection[str]) -> list[str]:
    """The names of the further columns, none of which is one of those that are taken."""
    return [f"{name} (dataset)" if name in taken else name for name in run.further_names]


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
    positions = run.table.index.to_numpy() if run.conditions else None
    names = [f"p_{name}" for name in run.manifest.class_names]
    run.files.pack(path, positions, lambda index: run.further_columns(index).rename_columns(_further_names(run, names)))


def make_export_folder(folder: Path) -> None:
    """Creates the folder. Raises DatasetError when it cannot be created."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            f"{folder} cannot be created: {error.strerror}.",
            how_to_write_there(error, "folder"),
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
    except pa.ArrowException as error:
        raise damaged(run.manifest.run_id, error) from error
    except OSError as error:
        if error.errno is None or _is_elsewhere(error.filename, folder):
            raise damaged(run.manifest.run_id, error) from error
        raise DatasetError(
            f"The results cannot be written to {folder}: {error.strerror}.",
            how_to_write_there(error, "folder"),
            "storage",
        ) from error
    return [report, csv, parquet]


def _is_elsewhere(file: str | None, folder: Path) -> bool:
    """True if the file is known and not in the folder: then it is one of those that were read."""
    return file is not None and not Path(file).is_relative_to(folder)
