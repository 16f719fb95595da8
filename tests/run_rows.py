"""Runs written out by hand: a manifest, and rows one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pyarrow as pa

from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import SCHEMA

NAMES = ("cat", "dog")


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


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Rows as a table of SCHEMA."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)


def manifest(run_id: str = "20260101-000000-abc", **changes: object) -> RunManifest:
    """Of a run over four pictures of cats and dogs."""
    values = {
        "run_id": run_id, "created_utc": "2026-01-01T00:00:00+00:00", "dataset": "/data/pets.zip", "dataset_sha256": "d",
        "model": "pets@1", "model_sha256": "m", "class_names": NAMES, "n_images": 4, "unknown_labels": ("ant",),
    }  # fmt: skip
    return RunManifest(**{**values, **changes})  # type: ignore[arg-type]


def ok(index: int, true: str | None, predicted: str) -> Row:
    p = [0.75, 0.25] if predicted == "cat" else [0.25, 0.75]
    return Row(index, f"{true}/{index}.png", true, predicted, 0.75, p, [1.0, -1.0], "ok", "")


def failed(index: int) -> Row:
    return Row(index, f"cat/{index}.png", None, None, None, None, None, "failed", "It is damaged.")
