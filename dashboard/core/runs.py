"""The run store: one folder a run, with a manifest and Parquet parts, each written whole or not at all.

A run is one evaluation of one dataset by one model version; its table has one row an image.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.errors import DatasetError
from dashboard.core.files import write_atomically, write_json
from dashboard.core.metrics import Evaluation, evaluate_labels

State = Literal["running", "finished", "cancelled", "failed"]
COLUMNS = (
    "index", "file", "true_label", "predicted_label", "confidence", "pred_probs", "logits", "status", "reason",
)  # fmt: skip
EXPORT_COLUMNS = ("file", "true_label", "predicted_label", "confidence", "status", "reason")
_NUMBERS = {
    "index": pa.int64(),
    "confidence": pa.float64(),
    "pred_probs": pa.list_(pa.float64()),
    "logits": pa.list_(pa.float32()),
}
SCHEMA = pa.schema(
    [(name, _NUMBERS.get(name, pa.string())) for name in COLUMNS]
)  # also where a part holds failures only
_MANIFEST = "manifest.json"
_EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class Row:
    """One image of a run."""

    index: int  # position in the dataset
    file: str
    true_label: str | None  # a class of the model; None where the dataset says nothing or something unknown
    predicted_label: str | None  # None when status is "failed"
    confidence: float | None  # in [0, 1]
    pred_probs: Sequence[float] | None  # (K,), calibrated
    logits: Sequence[float] | None  # (K,)
    status: Literal["ok", "failed"]
    reason: str  # "" when ok


@dataclass(frozen=True)
class RunManifest:
    """What was evaluated, by what, and how far it got."""

    run_id: str
    created_utc: str  # ISO 8601
    dataset: str  # path on the server
    dataset_sha256: str
    model: str  # NAME@VERSION
    model_sha256: str
    class_names: tuple[str, ...]
    n_images: int
    unknown_labels: tuple[str, ...] = ()  # names in the dataset that mean none of the model's classes
    label_map: tuple[tuple[str, str], ...] = ()  # what the others meant; as a dict, what `match_labels` takes
    notes: tuple[str, ...] = ()  # how the dataset was read, in sentences
    imported: bool = False  # predictions made elsewhere: `dataset` is their file, and there are no images
    state: State = "running"
    seconds: float = 0.0
    message: str = ""  # why it failed

    @property
    def dataset_name(self) -> str:
        """Without its folder."""
        return Path(self.dataset).name.removesuffix(".dataset.json")


@dataclass(frozen=True)
class Run:
    """A stored run with its rows."""

    manifest: RunManifest
    table: pd.DataFrame  # COLUMNS, sorted by index
    measured: Evaluation | None = None  # as a worker computed and stored it

    @property
    def evaluated(self) -> pd.DataFrame:
        """Rows with a prediction."""
        return self.table[self.table["status"] == "ok"]

    @property
    def failed(self) -> pd.DataFrame:
        """Rows without one, and why."""
        return self.table[self.table["status"] == "failed"]

    def evaluation(self) -> Evaluation | None:
        """Metrics over the rows that have a true label and a prediction; None when there are none."""
        if self.measured:
            return self.measured
        rows = self.evaluated.dropna(subset=["true_label"])
        if rows.empty:
            return None
        ids = {name: i for i, name in enumerate(self.manifest.class_names)}
        true, predicted = (rows[c].map(ids).to_numpy(np.int64) for c in ("true_label", "predicted_label"))
        return evaluate_labels(true, predicted, self.manifest.class_names)


class RunStore:
    """The runs below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, manifest: RunManifest) -> None:
        """Writes the manifest; the first time, this starts a run with no rows."""
        write_json(self.folder(manifest.run_id) / _MANIFEST, asdict(manifest))

    def add_part(self, run_id: str, part: int, rows: Sequence[Row] | pa.Table) -> None:
        """Writes rows, or a table of SCHEMA, as part number `part`; a part written twice counts once."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist([asdict(r) for r in rows], schema=SCHEMA)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        write_atomically(self.folder(run_id) / f"part-{part:05d}.parquet", buffer.getvalue())

    def manifest(self, run_id: str) -> RunManifest:
        """Raises DatasetError when there is no such run."""
        try:
            record = json.loads((self.folder(run_id) / _MANIFEST).read_text(encoding="utf-8"))
            for name in ("class_names", "unknown_labels", "notes"):
                record[name] = tuple(record.get(name, ()))
            record["label_map"] = tuple((label, meant) for label, meant in record.get("label_map", ()))
            return RunManifest(**record)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DatasetError(f"There is no run {run_id!r}.", "Evaluate the dataset again.", "run_unknown") from error

    def load(self, run_id: str) -> Run:
        """The run with the rows written so far. Raises DatasetError when there is no such run, or it is damaged."""
        manifest = self.manifest(run_id)
        try:
            parts = [pd.read_parquet(path) for path in sorted(self.folder(run_id).glob("part-*.parquet"))]
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(
                f"Run {run_id} cannot be read ({error}).", "Evaluate the dataset again.", "run_damaged"
            ) from error
        table = pd.concat(parts, ignore_index=True) if parts else SCHEMA.empty_table().to_pandas()
        stored = self.folder(run_id) / _EVALUATION
        measured = Evaluation.from_dict(json.loads(stored.read_text())) if stored.exists() else None
        return Run(manifest, table.sort_values("index", ignore_index=True), measured)

    def measure(self, run_id: str) -> None:
        """Computes the metrics of a run and stores them beside its rows.

        Imports scikit-learn and SciPy, 100 MB that a server need not hold: let a worker do it.
        """
        if evaluation := self.load(run_id).evaluation():
            self.keep_evaluation(run_id, evaluation)

    def keep_evaluation(self, run_id: str, evaluation: Evaluation) -> None:
        """Stores metrics that were computed while the rows were made."""
        write_json(self.folder(run_id) / _EVALUATION, evaluation.to_dict())

    def list(self) -> list[RunManifest]:
        """All runs, newest first."""
        found = []
        for path in self.root.glob(f"*/{_MANIFEST}"):
            try:
                found.append(self.manifest(path.parent.name))
            except DatasetError:
                continue
        return sorted(found, key=lambda m: m.created_utc, reverse=True)

    def delete(self, run_id: str) -> None:
        """Removes a run and its rows."""
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def finish(self, manifest: RunManifest, state: State, seconds: float, message: str = "") -> RunManifest:
        """Writes and returns the manifest in its last state."""
        finished = replace(manifest, state=state, seconds=round(seconds, 3), message=message)
        self.save(finished)
        return finished

    def folder(self, run_id: str) -> Path:
        """Where a run lies. Raises DatasetError for what is no name of a run."""
        if not run_id or run_id != Path(run_id).name or run_id.startswith("."):
            raise DatasetError(f"{run_id!r} is no run.", code="run_unknown")
        return self.root / run_id


def safe_for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before texts that a spreadsheet would take for a formula."""

    def defuse(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value

    return table.map(defuse)


def mistakes_first(evaluated: pd.DataFrame, cell: tuple[str, str] | None) -> pd.DataFrame:
    """Rows to look at: those of a confusion cell (true, predicted), or all mistakes; the surest first."""
    if cell is None:
        labelled = evaluated.dropna(subset=["true_label"])
        rows = labelled[labelled["true_label"] != labelled["predicted_label"]]
    else:
        rows = evaluated[(evaluated["true_label"] == cell[0]) & (evaluated["predicted_label"] == cell[1])]
    return rows.sort_values("confidence", ascending=False, kind="stable")


def run_record(run: Run) -> dict[str, Any]:
    """A run as JSON: figures, confusion counts (rows are true labels), and every image that failed."""
    evaluation, manifest = run.evaluation(), run.manifest
    name, _, version = manifest.model.partition("@")
    return {
        "run_id": manifest.run_id,
        "model": {"name": name, "version": version},
        "n_images": manifest.n_images,
        "n_evaluated": len(run.evaluated),
        "n_failed": len(run.failed),
        "failed": run.failed[["file", "reason"]].to_dict("records"),
        "accuracy": evaluation.accuracy.value if evaluation else None,
        "accuracy_ci95": [evaluation.accuracy.low, evaluation.accuracy.high] if evaluation else None,
        "macro_f1": evaluation.macro_f1 if evaluation else None,
        "confusion": {"labels": list(manifest.class_names), "counts": evaluation.confusion.tolist()}
        if evaluation
        else None,
        "seconds": manifest.seconds,
        "images_per_second": round(len(run.table) / manifest.seconds, 1) if manifest.seconds else None,
    }
