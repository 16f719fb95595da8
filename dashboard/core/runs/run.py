"""A run and its rows in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.errors import DatasetError
from dashboard.core.metrics.evaluation import Evaluation, evaluate_labels
from dashboard.core.runs.manifest import RunManifest, State
from dashboard.core.runs.rows import RowFiles


@dataclass(frozen=True)
class Run:
    """A stored run with its rows."""

    manifest: RunManifest
    table: pd.DataFrame  # the requested columns in the order of `index`; indexed by position, see `RowFiles`
    files: RowFiles
    measured: Evaluation | None  # the stored metrics that a worker computed
    state: State | Literal["interrupted"]  # see `RunFolder.state`

    @cached_property
    def evaluated(self) -> pd.DataFrame:
        """The rows with a prediction."""
        return self.table[self.table["status"] == "ok"]

    @cached_property
    def failed(self) -> pd.DataFrame:
        """Rows without a prediction."""
        return self.table[self.table["status"] == "failed"]

    def detail(self, rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        """More columns for some rows of `table`, read from the files. Raises DatasetError when they cannot be read."""
        try:
            return self.files.take(rows.index.to_numpy(), columns)
        except (OSError, pa.ArrowException) as error:
            raise damaged(self.manifest.run_id, error) from error

    def evaluation(self) -> Evaluation | None:
        """Metrics over the rows that have a true label and a prediction; None if there are no such rows."""
        return self.measured or self._evaluation

    @cached_property
    def _evaluation(self) -> Evaluation | None:
        rows = self.evaluated.dropna(subset=["true_label"])
        if rows.empty:
            return None
        true, predicted = (rows[c].cat.codes.to_numpy(np.int64) for c in ("true_label", "predicted_label"))
        return evaluate_labels(true, predicted, self.manifest.class_names, rows["confidence"].to_numpy())


def damaged(run_id: str, error: Exception | str) -> DatasetError:
    """The error for a run whose files cannot be read."""
    return DatasetError(f"Run {run_id} cannot be read ({error}).", "Evaluate the dataset again.", "run_damaged")


def mistakes_first(evaluated: pd.DataFrame, cell: tuple[str, str] | None) -> pd.DataFrame:
    """The rows of a cell (true, predicted) of the confusion matrix, or all mistakes; the most confident first."""
    true, predicted = evaluated["true_label"].cat.codes, evaluated["predicted_label"].cat.codes
    if cell is None:
        rows = evaluated[(true >= 0) & (true != predicted)]
    else:
        rows = evaluated[(evaluated["true_label"] == cell[0]) & (evaluated["predicted_label"] == cell[1])]
    return rows.sort_values("confidence", ascending=False, kind="stable")
