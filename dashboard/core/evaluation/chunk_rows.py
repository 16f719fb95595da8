"""Turns a worker's answers for a chunk into rows of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from dashboard.core.datasets import Sample
from dashboard.core.datasets.sample_list import folder_label
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.models.prediction import ChunkAnswers
from dashboard.core.runs.left_out import why_left_out
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import DOUBT, PROPERTY_FIELDS, SCHEMA


def known(samples: Sequence[Sample], manifest: RunManifest) -> list[Sample]:
    """The samples that the model predicts: their label means a class of the model, or they have no label."""
    return [s for s in samples if (label := _label_of(s, manifest)) is None or label in manifest.class_of]


def _label_of(sample: Sample, manifest: RunManifest) -> str | None:
    """The label of a sample: the path of its folder, if the label map says what this folder means."""
    folder = folder_label(sample.name)
    is_mapped = sample.label is not None and folder and (folder in manifest.class_of or folder in manifest.left_out)
    return folder if is_mapped else sample.label


def chunk_rows(
    samples: Sequence[Sample], answers: ChunkAnswers, manifest: RunManifest, familiarity: Familiarity | None = None
) -> pa.Table:
    """A table with one row per sample: the columns of `SCHEMA`, the doubt, and the properties of the images.

    Args:
        answers: the worker's answers for `known(samples, manifest)`.
        familiarity: the thresholds of the model version; None if it has none.
    """
    n, n_classes = len(samples), len(manifest.class_names)
    given = [_label_of(s, manifest) for s in samples]
    is_known = [label is None or label in manifest.class_of for label in given]
    places = np.flatnonzero(is_known)
    ok = np.zeros(n, bool)
    ok[places[answers.places]] = True
    reasons = ["" if k else why_left_out(str(label), manifest) for label, k in zip(given, is_known, strict=True)]
    for place, failure in answers.failures.items():
        reasons[places[place]] = f"{failure.message} {failure.fix.replace('`', '')}".strip()  # tables show it as it is
    labels, confidence = np.full(n, None, object), np.full(n, np.nan)
    logits, doubt = answers.logits.astype(np.float32), np.full(n, None, object)
    if familiarity and ok.any():
        doubt[ok] = familiarity.unknown(logits, answers.pred_probs.max(axis=1))
    labels[ok] = np.array(manifest.class_names, object)[answers.pred_probs.argmax(axis=1)]
    confidence[ok] = answers.pred_probs.max(axis=1)
    return pa.Table.from_arrays(
        [
            pa.array([s.index for s in samples], pa.int64()),
            pa.array([s.name for s in samples], pa.string()),
            pa.array([None if label is None else manifest.class_of.get(label) for label in given], pa.string()),
            pa.array(labels, pa.string()),
            pa.array(confidence, pa.float64(), from_pandas=True),
            _vectors(ok, answers.pred_probs.astype(np.float64), n_classes),
            _vectors(ok, logits, n_classes),
            pa.array(np.where(ok, "ok", "failed"), pa.string()),
            pa.array(reasons, pa.string()),
            pa.array(doubt, pa.bool_()),
            *_properties(ok, answers.properties),
        ],
        schema=pa.schema([*SCHEMA, pa.field(DOUBT, pa.bool_()), *PROPERTY_FIELDS]),
    )


def _vectors(ok: np.ndarray, values: np.ndarray, length: int) -> pa.Array:
    """A list column: the rows of `values` (M, length) where `ok` is True (M places), null elsewhere."""
    offsets = np.concatenate([[0], np.cumsum(ok) * length]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.ravel()), mask=pa.array(~ok))


def _properties(ok: np.ndarray, values: np.ndarray | None) -> Iterator[pa.Array]:
    """The columns of `PROPERTY_FIELDS`: `values` (M, 7) where `ok` is True (M places); null elsewhere, and for NaN."""
    whole = np.full((len(ok), len(PROPERTY_FIELDS)), np.nan)
    if values is not None:
        whole[ok] = values
    for field, column in zip(PROPERTY_FIELDS, whole.T, strict=True):
        yield pa.array(column, from_pandas=True).cast(field.type, safe=False)
