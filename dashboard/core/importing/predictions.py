"""Predictions made elsewhere as a run like any other, without images."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.datasets.folder_files import check_readable_name
from dashboard.core.datasets.labelling import normal_name
from dashboard.core.errors import DatasetError
from dashboard.core.files import sha256_of
from dashboard.core.importing.predictions_file import Piece, PredictionsFile, open_predictions
from dashboard.core.importing.true_labels import GivenLabels, read_given_labels
from dashboard.core.labels.class_names import class_names_fault
from dashboard.core.labels.matching import match_labels
from dashboard.core.metrics.evaluation import Evaluation, evaluate_labels
from dashboard.core.runs.manifest import RunManifest, new_run_id
from dashboard.core.runs.rows import SCHEMA
from dashboard.core.runs.store import RunStore, storage_error

SUM_TOLERANCE = 1e-3  # how far the probabilities of a row may be from 1 in sum: they were rounded


@dataclass(frozen=True)
class Imported:
    """A run made from predictions."""

    manifest: RunManifest
    evaluation: Evaluation | None  # None where no label is known
    n_failed: int


def import_predictions(
    path: Path,
    store: RunStore,
    class_names: Sequence[str] | None = None,
    labels: Path | None = None,
    model: str = "",
    label_map: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Stores the predictions in the file at `path` as a run.

    Args:
        class_names: (K,) in the order of the probabilities; by default as the columns are called, else 0, 1, 2 ...
        labels: a file of true labels, in the order of the rows or by file name; by default a column beside them.
        model: what made the predictions, for people; by default the file's name.
        label_map: what some labels mean, see `match_labels`.
        on_progress: called with (rows so far, rows in all).

    Raises:
        DatasetError: the file, its probabilities or the labels cannot be used; nothing is stored then.
    """
    start = time.perf_counter()
    for given_path in filter(None, (path, labels)):
        check_readable_name(given_path)
    predictions = open_predictions(path, class_names)
    if not predictions.n_rows:
        raise DatasetError(f"{path.name} holds no predictions.", "Save or export it again.", "predictions")
    if predictions.n_classes < 2:
        raise DatasetError(
            f"{path.name} holds no probabilities of two or more classes.", "Save or export it again.", "predictions"
        )
    names, notes = _class_names(predictions, class_names, path.name)
    if fault := class_names_fault(names):
        raise DatasetError(f"{path.name}: the class names {fault}.", "Rename the columns.", "class_names")
    order = _order(predictions, names)
    given = read_given_labels(labels, predictions.n_rows) if labels else None
    distinct = {label for label in (given.labels if given else predictions.labels()) if label is not None}
    mapping = match_labels(distinct, names, label_map)
    if distinct and not mapping.class_of:
        raise DatasetError(
            f"None of the labels ({', '.join(sorted(distinct)[:8])}) is one of the classes ({', '.join(names[:8])}).",
            "Give --class-names in the order of the probabilities.", "labels_unknown",
        )  # fmt: skip
    manifest = RunManifest(
        run_id=new_run_id(),
        created_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        dataset=str(path.absolute()),
        dataset_sha256=_digest(path, labels),
        model=model or path.stem,
        model_sha256="",  # so that no later evaluation is answered from here
        class_names=names,
        n_images=predictions.n_rows,
        unknown_labels=mapping.unknown,
        label_map=tuple(mapping.chosen().items()),
        notes=(*notes, *(given.notes if given else ()), *mapping.notes),
        imported=True,
    )
    folder = store.folder(manifest.run_id)
    try:
        owner = store.begin(manifest)
    except OSError as error:
        raise storage_error(store.root, error) from error
    ids = {label: -1 if meant is None else names.index(meant) for label, meant in mapping.class_of.items()}
    counted = _Counted()
    try:
        done = 0
        for part, piece in enumerate(_with_labels(predictions, given)):
            piece = replace(piece, pred_probs=piece.pred_probs[:, order])
            folder.add_part(part, _as_table(piece, done, names, ids, counted, path.name))
            done += len(piece.pred_probs)
            on_progress(done, predictions.n_rows)
        if repeated := counted.repeated():
            manifest = replace(
                manifest, notes=(*manifest.notes, f"{repeated:,} rows name a file that another one names.")
            )
        evaluation = counted.evaluation(names)
        if evaluation:
            folder.keep_evaluation(evaluation)
        manifest = folder.finish(manifest, "finished", time.perf_counter() - start)
    except BaseException as error:
        owner.release()
        store.delete(manifest.run_id)
        if isinstance(error, OSError):
            raise storage_error(store.root, error) from error
        raise
    owner.release()
    return Imported(manifest, evaluation, counted.failed)


class _Counted:
    """What is to be known of all rows: four numbers each."""

    def __init__(self) -> None:
        self.true: list[np.ndarray] = []
        self.predicted: list[np.ndarray] = []
        self.confidence: list[np.ndarray] = []
        self.files: list[np.ndarray] = []  # hashes of their names
        self.failed = 0

    def repeated(self) -> int:
        """Rows whose file an earlier row has, too."""
        hashes = np.concatenate(self.files) if self.files else np.empty(0, np.uint64)
        return len(hashes) - len(np.unique(hashes))

    def evaluation(self, class_names: tuple[str, ...]) -> Evaluation | None:
        true = np.concatenate(self.true) if self.true else np.empty(0, np.int32)
        if not len(true):
            return None
        return evaluate_labels(true, np.concatenate(self.predicted), class_names, np.concatenate(self.confidence))


def _as_table(
    piece: Piece, first: int, names: tuple[str, ...], ids: Mapping[str, int], counted: _Counted, source: str
) -> pa.Table:
    """Rows of SCHEMA, the first of them being row `first` of the run."""
    probs, n = piece.pred_probs, len(piece.pred_probs)
    absent = np.isnan(probs).all(axis=1)
    _check(probs[~absent], first + np.flatnonzero(~absent), source)
    labels = piece.labels or [None] * n
    true = np.fromiter((-1 if label is None else ids.get(label, -2) for label in labels), np.int32, n)
    failed = absent | (true == -2)
    reasons = [""] * n
    for i in np.flatnonzero(failed).tolist():
        given = piece.reasons[i] if piece.reasons else ""
        reasons[i] = (given or "It has no probabilities.") if absent[i] else f"Its label {labels[i]!r} is no class."
    predicted = np.where(absent, 0, np.where(np.isnan(probs), -1, probs).argmax(axis=1)).astype(np.int32)
    compared = ~failed & (true >= 0)
    counted.true.append(true[compared])
    counted.predicted.append(predicted[compared])
    counted.confidence.append(probs[compared].max(axis=1))
    counted.failed += int(failed.sum())
    if piece.files:
        counted.files.append(pd.util.hash_array(np.array(piece.files, object)))
    vocabulary = pa.array(names, pa.string())
    offsets = pa.array(np.arange(n + 1) * len(names), pa.int32())
    columns = {
        "index": pa.array(first + np.arange(n)),
        "file": pa.array(piece.files or [f"row {first + i}" for i in range(n)], pa.string()),
        "true_label": vocabulary.take(pa.array(true, mask=true < 0)),
        "predicted_label": vocabulary.take(pa.array(predicted, mask=failed)),
        "confidence": pa.array(np.where(failed, 0.0, probs.max(axis=1)), pa.float64(), mask=failed),
        "pred_probs": pa.ListArray.from_arrays(offsets, pa.array(probs.ravel()), mask=pa.array(failed)),
        "logits": pa.nulls(n, pa.list_(pa.float32())),
        "status": pa.array(np.where(failed, "failed", "ok"), pa.string()),
        "reason": pa.array(reasons, pa.string()),
    }
    return pa.table(columns).select(SCHEMA.names).cast(SCHEMA)


def _check(probs: np.ndarray, rows: np.ndarray, source: str) -> None:
    """Raises DatasetError at the first row that is no probability distribution."""
    finite = np.isfinite(probs).all(axis=1)
    inside = ((probs >= -SUM_TOLERANCE) & (probs <= 1 + SUM_TOLERANCE)).all(axis=1)
    sums = probs.sum(axis=1)
    whole = np.abs(sums - 1) <= SUM_TOLERANCE
    for good, what, fix in (
        (finite, "is not finite", "Save numbers from 0 to 1."),
        (inside, "holds numbers outside 0 to 1", "Save probabilities, the softmax of logits."),
        (whole, "does not sum to 1", "Save probabilities of classes that exclude each other."),
    ):
        if not good.all():
            at = int(np.flatnonzero(~good)[0])
            values = ", ".join(f"{value:.3g}" for value in probs[at, :6])
            raise DatasetError(f"{source}: row {rows[at]} {what} ({values} ...).", fix, "pred_probs")


def _with_labels(predictions: PredictionsFile, given: GivenLabels | None) -> Iterator[Piece]:
    """The pieces with the labels of another file. Raises DatasetError when these belong to none or other rows."""
    first = named = 0
    for piece in predictions.pieces():
        if given:
            last = first + len(piece.pred_probs)
            if given.files and piece.files:
                keys = [normal_name(file) for file in piece.files]
                labels = [given.by_file.get(key) for key in keys]
                named += sum(key in given.by_file for key in keys)
                if last == predictions.n_rows and not named:
                    raise DatasetError(
                        f"{given.name} names none of the rows; its first one is for {given.files[0][:80]!r}, "
                        f"theirs for {piece.files[0][:80]!r}.", "Write the file names in the same way.", "labels_file",
                    )  # fmt: skip
                files: Sequence[str] | None = piece.files
            else:
                given.check_count(predictions.n_rows)
                labels = list(given.labels[first:last])
                files = piece.files or (given.files and given.files[first:last])
            piece, first = replace(piece, labels=labels, files=files), last
        yield piece


def _class_names(
    predictions: PredictionsFile, given: Sequence[str] | None, file: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the classes, and a note where they had to be made up."""
    if given is not None:
        if len(given) != predictions.n_classes:
            raise DatasetError(
                f"{file} has {predictions.n_classes} probabilities a row, but {len(given)} classes are named.",
                "Name one for each, in their order.", "class_names",
            )  # fmt: skip
        if predictions.class_names and set(given) != set(predictions.class_names):
            raise DatasetError(
                f"The columns of {file} are named after {', '.join(predictions.class_names[:8])}.",
                "Give the same class names, or none.", "class_names",
            )  # fmt: skip
        return tuple(given), ()
    if predictions.class_names:
        return predictions.class_names, ()
    numbers = tuple(map(str, range(predictions.n_classes)))
    return numbers, ("The classes are not named and go by their numbers, counted from 0.",)


def _order(predictions: PredictionsFile, names: tuple[str, ...]) -> list[int]:
    """Which column is which class."""
    own = predictions.class_names or names
    return [own.index(name) for name in names]


def _digest(path: Path, labels: Path | None) -> str:
    digests = [sha256_of(path)] + ([sha256_of(labels)] if labels else [])
    return hashlib.sha256("\n".join(digests).encode()).hexdigest() if labels else digests[0]
