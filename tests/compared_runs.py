"""Runs made of arrays, to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import PROPERTY_FIELDS, SCHEMA, VIEW_COLUMNS
from dashboard.core.runs.run import Run
from tests.run_rows import manifest


def probabilities(predicted: Sequence[int], k: int, confidence: Sequence[float] | float = 0.75) -> np.ndarray:
    """(N, K) probabilities with this confidence in the predicted classes, the rest shared by the others."""
    n = len(predicted)
    sure = np.broadcast_to(np.asarray(confidence, float), n)[:, None]
    probs = np.repeat((1 - sure) / (k - 1), k, axis=1)
    probs[np.arange(n), predicted] = sure[:, 0]
    return probs


def write_run(
    root: Path,
    run_id: str,
    true: Sequence[str | None],
    probs: np.ndarray,
    names: Sequence[str],
    files: Sequence[str] | None = None,
    failed: Sequence[int] = (),
    content: np.ndarray | None = None,
    **fields: object,
) -> RunFolder:
    """Stores a run of N rows.

    Args:
        files: N names; pictures called after their number when not given.
        failed: the rows without a prediction.
        content: (N, 7) the measured properties of the images, see `PROPERTY_FIELDS`.
        fields: of the manifest.
    """
    n, names = len(probs), tuple(names)
    folder = RunFolder(root / run_id)
    folder.save(manifest(run_id, class_names=names, n_images=n, state="finished", seconds=60.0, **fields))
    without = np.isin(np.arange(n), failed)
    columns = {
        "index": pa.array(np.arange(n)),
        "file": pa.array(files or [f"pictures/{i:03d}.png" for i in range(n)]),
        "true_label": pa.array(true, pa.string()),
        "predicted_label": pa.array(np.array(names, object)[probs.argmax(axis=1)], mask=without),
        "confidence": pa.array(probs.max(axis=1), mask=without),
        "pred_probs": pa.array([None if bad else list(p) for p, bad in zip(probs, without, strict=True)]),
        "logits": pa.nulls(n, SCHEMA.field("logits").type),
        "status": pa.array(np.where(without, "failed", "ok")),
        "reason": pa.array([""] * n),
    }
    rows = pa.table(columns, schema=SCHEMA)
    for place, field in enumerate(PROPERTY_FIELDS if content is not None else ()):
        assert content is not None
        rows = rows.append_column(field, pa.array(content[:, place]).cast(field.type))
    folder.add_part(0, rows)
    return folder


def load(folder: RunFolder, *conditions: str) -> Run:
    """The rows of a run that pass these conditions."""
    return folder.load(VIEW_COLUMNS, parse_filter(conditions))
