"""Checks the rows of a file of predictions, turns them into rows of a run, and counts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.errors import DatasetError, counted, listed
from dashboard.core.importing.predictions_file import Piece
from dashboard.core.metrics.evaluation import Evaluation, evaluate_labels
from dashboard.core.runs.rows import SCHEMA

LEFT_OUT = -2  # instead of a class id: the user left the label out
SUM_TOLERANCE = 1e-3  # allowed error of a row's sum, since files hold rounded probabilities
_ALL, _ROUNDED = 100, 1.0  # percent; allowed error of a sum of percentages
_FEW_DECIMALS = 0.05  # error of a row's sum that rounding may cause, to two decimals
_NAMES_KEPT, _VALUES_SHOWN = 8, 6
_EXACT = 1e-6  # error of a row's sum in float32


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of a run."""

    first: int  # number of the first of these rows in the run
    pred_probs: np.ndarray  # (n, K) float64
    true: np.ndarray  # (n,) int32 class ids; negative if there is no label or it is left out
    predicted: np.ndarray  # (n,) int32 class ids
    failed: np.ndarray  # (n,) bool: there are no probabilities, or the label is left out
    left_out: np.ndarray  # (n,) bool: there are probabilities, but the label is left out
    absent: np.ndarray  # (n,) bool: there are no probabilities
    unlabelled: np.ndarray  # (n,) bool: there are probabilities, but no label
    reasons: Sequence[str]  # why each row failed; "" if it did not
    files: Sequence[str] | None  # None if the file of predictions names none

    @property
    def compared(self) -> np.ndarray:
        """(n,) bool: True for rows with both a prediction and a label."""
        return ~self.failed & (self.true >= 0)

    def name(self, i: int) -> str:
        """The name of the image in row `i` of these rows."""
        return self.files[i] if self.files else f"row {self.first + i}"


def check_rows(
    piece: Piece,
    order: Sequence[int],
    first: int,
    ids: Mapping[str, int],
    source: str,
    place: Callable[[int], int],
) -> Rows:
    """Checks a piece and returns its rows, with probabilities in [0, 1].

    Args:
        order: for each class, the column of its probabilities in the piece. In a piece with one column, 0 stands for
            the column, and 1 for 1 minus it.
        first: number of the piece's first row in the run.
        ids: label -> class id; -1 if the label means "no label", or LEFT_OUT. It has all labels of the piece.
        source: name of the file of predictions, for messages.
        place: number of a row in the run -> its number in the file, for messages.

    Raises:
        DatasetError: a row is not a probability distribution.
    """
    probs, n = piece.pred_probs, len(piece.pred_probs)
    absent = np.isnan(probs).all(axis=1)
    check_probabilities(piece, first, source, place)
    if probs.shape[1] == 1:
        probs = np.hstack([probs, 1 - probs])
    probs = _within_bounds(probs[:, order])
    labels = piece.labels or [None] * n
    true = np.fromiter((-1 if label is None else ids[label] for label in labels), np.int32, n)
    failed, left_out = absent | (true == LEFT_OUT), ~absent & (true == LEFT_OUT)
    unlabelled = ~absent & np.fromiter((label is None for label in labels), bool, n)
    reasons = [""] * n
    for i in np.flatnonzero(failed).tolist():
        given = piece.reasons[i] if piece.reasons else ""
        reasons[i] = (
            (given or "The row has no probabilities.") if absent[i] else f"Its label {labels[i]!r} was left out."
        )
    predicted = np.where(absent, 0, np.where(np.isnan(probs), -1, probs).argmax(axis=1)).astype(np.int32)
    return Rows(first, probs, true, predicted, failed, left_out, absent, unlabelled, reasons, piece.files)


def as_table(rows: Rows, class_names: Sequence[str]) -> pa.Table:
    """The rows as a run stores them, see `SCHEMA`."""
    n, failed = len(rows.failed), rows.failed
    vocabulary = pa.array(class_names, pa.string())
    offsets = pa.array(np.arange(n + 1) * len(class_names), pa.int32())
    confidence = np.where(failed, 0.0, rows.pred_probs.max(axis=1))
    columns = {
        "index": pa.array(rows.first + np.arange(n)),
        "file": pa.array([rows.name(i) for i in range(n)], pa.string()),
        "true_label": vocabulary.take(pa.array(rows.true, mask=rows.true < 0)),
        "predicted_label": vocabulary.take(pa.array(rows.predicted, mask=failed)),
        "confidence": pa.array(confidence, pa.float64(), mask=failed),
        "pred_probs": pa.ListArray.from_arrays(offsets, pa.array(rows.pred_probs.ravel()), mask=pa.array(failed)),
        "logits": pa.nulls(n, pa.list_(pa.float32())),
        "status": pa.array(np.where(failed, "failed", "ok"), pa.string()),
        "reason": pa.array(rows.reasons, pa.string()),
    }
    return pa.table(columns).select(SCHEMA.names).cast(SCHEMA)


def contradicted(
    rows: Rows, predicted: Sequence[str] | None, class_names: Sequence[str], label_ids: Mapping[str, int]
) -> int:
    """The number of rows with probabilities whose column of predicted classes names one that is not the most probable.

    Args:
        predicted: cells of that column: names of classes, labels, or class ids if they count from 0. Others tell nothing.
        label_ids: label -> class id, see `check_rows`.
    """
    cells = [cell.strip() for cell in predicted or ()]
    ids = {**label_ids, **{name: i for i, name in enumerate(class_names)}}
    numbers = {str(i): i for i in range(len(class_names))}
    if "0" in cells and ids.keys().isdisjoint(cells) and {*cells, ""} <= {*numbers, ""}:
        ids = numbers
    named = np.fromiter((ids.get(cell, -1) for cell in cells), np.int64)
    told = np.flatnonzero((named >= 0) & ~rows.absent) if len(named) else named
    most = rows.pred_probs[told].max(axis=1) if len(told) else np.empty(0)
    return int((rows.pred_probs[told, named[told]] < most).sum())


class Tally:
    """Collects what the metrics of the whole run need, so that the probabilities need not stay in memory."""

    def __init__(self) -> None:
        self.n_evaluated = self.n_left_out = self.n_absent = self.n_unlabelled = 0
        self.n_contradicted = 0  # see `contradicted`
        self._unlabelled: list[str] = []  # the names of the first of them
        self._true: list[np.ndarray] = []  # class ids of the rows with both a prediction and a label
        self._predicted: list[np.ndarray] = []
        self._confidence: list[np.ndarray] = []
        self._files: list[np.ndarray] = []  # hashes of the file names of all rows

    def add(self, rows: Rows) -> None:
        """Counts more rows."""
        compared = rows.compared
        self._true.append(rows.true[compared])
        self._predicted.append(rows.predicted[compared])
        self._confidence.append(rows.pred_probs[compared].max(axis=1))
        self.n_left_out += int(rows.left_out.sum())
        self.n_evaluated += int((~rows.failed).sum())
        self.n_absent += int(rows.absent.sum())
        self.n_unlabelled += int(rows.unlabelled.sum())
        self._unlabelled += map(
            rows.name, np.flatnonzero(rows.unlabelled)[: _NAMES_KEPT - len(self._unlabelled)].tolist()
        )
        if rows.files:
            self._files.append(pd.util.hash_array(np.array(rows.files, object)))

    def without_label(self, source: str) -> str:
        """A sentence that names rows without a label; "" if there are none, or no row is compared.

        Args:
            source: name of the file of labels.
        """
        n = self.n_unlabelled
        if not n or not any(map(len, self._true)):
            return ""
        more = f" and {n - _NAMES_KEPT:,} more" if n > _NAMES_KEPT else ""
        has = "has" if n == 1 else "have"
        return (
            f"{counted(n, 'image')} {has} no label in {source}, so predicted but not compared: "
            f"{listed(self._unlabelled)}{more}."
        )

    @property
    def n_repeated(self) -> int:
        """Number of rows that repeat the file name of an earlier row."""
        hashes = np.concatenate(self._files) if self._files else np.empty(0, np.uint64)
        return len(hashes) - len(np.unique(hashes))

    def evaluation(self, class_names: tuple[str, ...]) -> Evaluation | None:
        """The metrics of all rows; None if no row has both a prediction and a label."""
        true = np.concatenate(self._true) if self._true else np.empty(0, np.int32)
        if not len(true):
            return None
        return evaluate_labels(true, np.concatenate(self._predicted), class_names, np.concatenate(self._confidence))


def _within_bounds(probs: np.ndarray) -> np.ndarray:
    """The probabilities, with those that rounding took out of [0, 1] at its bounds. No other row changes a bit."""
    outside = ((probs < 0) | (probs > 1)).any(axis=1)
    if not outside.any():
        return probs
    clipped = probs[outside].clip(0, 1)
    sums = clipped.sum(axis=1, keepdims=True)
    within = probs.copy()
    within[outside] = np.where(np.abs(sums - 1) > _EXACT, clipped / sums, clipped)
    return within


def check_probabilities(piece: Piece, first: int, source: str, place: Callable[[int], int]) -> None:
    """Raises DatasetError, code `pred_probs`, for the first row that is not a probability distribution.

    A row without any numbers is passed over. If there is one column, it holds the probability of one class.

    Args:
        first: as in `check_rows`. Likewise `source` and `place`.
    """
    rows = np.flatnonzero(~np.isnan(piece.pred_probs).all(axis=1))
    probs = piece.pred_probs[rows]
    finite = np.isfinite(probs).all(axis=1)
    inside = ((probs >= -SUM_TOLERANCE) & (probs <= 1 + SUM_TOLERANCE)).all(axis=1)
    whole = np.abs(probs.sum(axis=1) - 1) <= SUM_TOLERANCE if probs.shape[1] > 1 else inside
    for good, what in (
        (finite, "holds NaN or infinity"),
        (inside, "holds numbers outside 0 to 1"),
        (whole, "does not sum to 1"),
    ):
        if not good.all():
            at = int(np.flatnonzero(~good)[0])
            values = ", ".join(f"{value:.3g}" for value in probs[at, :_VALUES_SHOWN])
            more = " ..." if probs.shape[1] > _VALUES_SHOWN else ""
            if good is whole:
                what += f", but to {probs[at].sum():.4g}"
            raise DatasetError(
                f"{source}: row {place(first + int(rows[at]))} {what} ({values}{more}).",
                _what_to_save(probs[at]),
                "pred_probs",
            )


def _what_to_save(row: np.ndarray) -> str:
    """What to do about a row (K,) that is not a probability distribution."""
    low, high, total = float(row.min()), float(row.max()), float(row.sum())
    squash = "softmax" if len(row) > 1 else "sigmoid"
    if not np.isfinite(total):
        return "Save numbers from 0 to 1."
    if low < -SUM_TOLERANCE or high > _ALL + _ROUNDED:
        return f"Save probabilities, the {squash} of logits."
    if len(row) > 1 and abs(total - _ALL) <= _ROUNDED:
        return "These look like percentages: divide them by 100."
    if high > 1 + SUM_TOLERANCE:
        return f"Save probabilities: divide by 100 if these are percentages, take the {squash} if these are logits."
    if abs(total - 1) <= _FEW_DECIMALS:
        return "Save more decimals: these look like rounded probabilities."
    return "Save probabilities of classes that exclude each other."
