"""The labelled rows of a run with their probabilities or logits; a random part of them if all would need much memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.core.runs.run import Run

MOST_NUMBERS = 30_000_000  # 240 MB
_AT_ONCE = 16_384  # rows; pandas needs much more memory for them than an array


@dataclass(frozen=True)
class LabelledRows:
    """Some or all labelled rows of a run, in the order of `index`."""

    values: np.ndarray  # (N, K) probabilities or logits
    labels: np.ndarray  # (N,) true class ids
    of: int  # number of all labelled rows; more than N if these are a part


def labelled_rows(run: Run, column: str = "pred_probs", most_numbers: int = MOST_NUMBERS) -> LabelledRows:
    """Reads the labelled rows of a run. Of too many, it reads a random part, which is the same each time.

    Args:
        column: "pred_probs" or "logits".
        most_numbers: the greatest N x K.

    Raises:
        DatasetError: the rows cannot be read.
    """
    rows, k = run.labelled, len(run.manifest.class_names)
    of, most = len(rows), max(2, most_numbers // k)
    if of > most:
        rows = rows.iloc[np.sort(np.random.default_rng(0).choice(of, most, replace=False))]
    values = np.empty((len(rows), k))
    for start in range(0, len(rows), _AT_ONCE):
        found = run.detail(rows.iloc[start : start + _AT_ONCE], [column])[column]
        values[start : start + len(found)] = np.stack(found.to_list())
    return LabelledRows(values, rows["true_label"].cat.codes.to_numpy(np.int64), of)
