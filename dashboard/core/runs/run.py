"""A run with its rows, read."""

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
    table: pd.DataFrame  # the columns asked for, in the order of `index`; its own index is the row's position
    files: RowFiles
    measured: Evaluation | None  # as a worker computed and stored it
    state: State | Literal["interrupted"]  # see `RunFolder.state`

    @cached_property
    def evaluated(self) -> pd.DataFrame:
        """Rows with a prediction."""
        return self.table[self.table["status"] == "ok"]

    @cached_property
    def failed(self) -> pd.DataFrame:
        """Rows without one, and why."""
        return self.table[self.table["status"] == "failed"]

    def detail(self, rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        """Columns of some rows of `table` that it need not hold itself. Raises DatasetError when they cannot be read."""
        try:
            return self.files.take(rows.index.to_numpy(), columns)
        except (OSError, pa.ArrowException) as error:
            raise damaged(self.manifest.run_id, error) from error

    def evaluation(self) -> Evaluation | None:
        """Metrics over the rows that have a true label and a prediction; None when there are none."""
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
    """Rows to look at: those of a confusion cell (true, predicted), or all mistakes; the surest first."""
    true, predicted = evaluated["true_label"].cat.codes, evaluated["predicted_label"].cat.codes
    if cell is None:
        rows = evaluated[(true >= 0) & (true != predicted)]
    else:
        rows = evaluated[(evaluated["true_label"] == cell[0]) & (evaluated["predicted_label"] == cell[1])]
    return rows.sort_values("confidence", ascending=False, kind="stable")
