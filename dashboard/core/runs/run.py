"""A run and its rows in memory."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.core.errors import DatasetError
from dashboard.core.metrics.answers import Answers, Probabilities
from dashboard.core.metrics.evaluation import Evaluation, evaluate_labels
from dashboard.core.metrics.scores import Score, scores
from dashboard.core.parsing import reason
from dashboard.core.runs.array_file import ArrayFile
from dashboard.core.runs.attributes import AttributeFile
from dashboard.core.runs.filters import Filter
from dashboard.core.runs.manifest import RunManifest, ToldState
from dashboard.core.runs.rows import RowFiles, no_further
from dashboard.core.shell import in_command

_LOG = logging.getLogger(__name__)
_FOR_METRICS = ("confidence", "true_probability", "true_rank", "squared_error")  # in the order of `Probabilities`
_AT_ONCE = 16_384  # rows
_TOLD: set[tuple[str, str]] = set()  # ids of runs that cannot be read, and why, as the log says already


@dataclass(frozen=True)
class Run:
    """A stored run with its rows."""

    manifest: RunManifest
    table: pd.DataFrame  # the requested columns in the order of `index`; indexed by position, see `RowFiles`
    files: RowFiles
    measured: Evaluation | None  # the stored metrics that a worker computed for these rows; None under a filter
    state: ToldState  # see `RunFolder.state`
    conditions: Filter = ()  # the filter that the rows of `table` passed
    attributes: AttributeFile | None = None  # further columns of the dataset, see `further_columns`
    find_faults: Callable[[], Mapping[str, DatasetError]] = dict  # see `FilesBeside.faults`
    find_thumbnails: Callable[[], ArrayFile | None] = lambda: None  # see `FilesBeside.thumbnails`

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

    @cached_property
    def file_faults(self) -> Mapping[str, DatasetError]:
        """Why files beside the rows cannot be read, and what is missing therefore, by the name of the file."""
        return self.find_faults()

    @property
    def further_names(self) -> tuple[str, ...]:
        """The names of the further columns of the dataset; none if their file is damaged."""
        return tuple(self.attributes.names) if self.attributes else ()

    def further_columns(self, index: np.ndarray) -> pa.Table:
        """The further columns of the dataset at each `index` (n,), none if their file is damaged. Raises DatasetError."""
        return self.attributes.take(index) if self.attributes else no_further(index)

    def further_detail(self, index: np.ndarray) -> list[dict[str, Any]]:
        """The further columns at each `index` (n,), by name. Raises DatasetError when they cannot be read."""
        columns = self.further_columns(index)
        return columns.to_pylist() if columns.num_columns else [{} for _ in index]

    @cached_property
    def rows_key(self) -> str:
        """Hex digest of which rows of the run `table` holds."""
        return hashlib.blake2b(self.table.index.to_numpy(np.int64).tobytes(), digest_size=16).hexdigest()

    def batches(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """The rows of `table` with these columns, some thousand at a time. Raises OSError or ArrowException."""
        if not self.conditions:
            yield from self.files.batches(columns)
            return
        positions = self.table.index.to_numpy()
        for start in range(0, len(positions), _AT_ONCE):
            yield self.files.take(positions[start : start + _AT_ONCE], columns)

    @cached_property
    def labelled(self) -> pd.DataFrame:
        """The rows with both a prediction and a label that is a class."""
        return self.evaluated.dropna(subset=["true_label"])

    @cached_property
    def answers(self) -> Answers:
        """What the metrics need of the labelled rows, in their order. Raises DatasetError if they cannot be read."""
        rows = self.labelled
        try:
            table = self.files.arrow(_FOR_METRICS).take(pa.array(rows.index.to_numpy()))
        except (OSError, pa.ArrowException) as error:
            raise damaged(self.manifest.run_id, error) from error
        true, predicted = (rows[c].cat.codes.to_numpy(np.int64) for c in ("true_label", "predicted_label"))
        numbers = Probabilities(*(table[name].to_numpy() for name in _FOR_METRICS))
        return Answers(true, predicted, len(self.manifest.class_names), numbers if self.has_probabilities else None)

    @cached_property
    def has_probabilities(self) -> bool:
        """False for predicted classes of another program, which are stored with a confidence of 1.

        Raises DatasetError if the rows cannot be read.
        """
        if not self.manifest.imported:
            return True
        confidence = self.column("confidence")
        return bool((confidence[~np.isnan(confidence)] != 1).any())

    def check_probabilities(self) -> None:
        """Raises DatasetError with the code `no_probabilities` if the run has only predicted classes."""
        if not self.has_probabilities:
            raise DatasetError(NO_PROBABILITIES, HOW_TO_GET_PROBABILITIES, "no_probabilities")

    def column(self, name: str) -> np.ndarray:
        """A column of numbers for all rows of the files, by position. Raises DatasetError if it cannot be read."""
        try:
            return self.files.arrow([name])[name].to_numpy()
        except (OSError, pa.ArrowException) as error:
            raise damaged(self.manifest.run_id, error) from error

    @cached_property
    def scores(self) -> dict[str, Score]:
        """The metrics over the labelled rows, with intervals; empty if there are none."""
        return scores(self.answers)

    def pred_probs(self, rows: pd.DataFrame) -> np.ndarray:
        """The probabilities (N, K) of some rows of `evaluated`. Raises DatasetError if they cannot be read."""
        found = self.detail(rows, ["pred_probs"])["pred_probs"]
        return np.stack(found.to_list()) if len(found) else np.empty((0, len(self.manifest.class_names)))

    def evaluation(self) -> Evaluation | None:
        """Metrics over the rows that have a true label and a prediction; None if there are no such rows."""
        found = self.measured or self._evaluation
        return replace(found, reliability=None) if found and not self.has_probabilities else found

    @cached_property
    def _evaluation(self) -> Evaluation | None:
        rows = self.labelled
        if rows.empty:
            return None
        true, predicted = (rows[c].cat.codes.to_numpy(np.int64) for c in ("true_label", "predicted_label"))
        return evaluate_labels(true, predicted, self.manifest.class_names, rows["confidence"].to_numpy())


NO_PROBABILITIES = (
    "These predictions have no probabilities, only predicted classes, so nothing can be said about confidence, calibration and "
    "doubtful labels."
)
HOW_TO_GET_PROBABILITIES = "Import a file with the probabilities of all classes instead."
HOW_TO_LIST = "`python -m dashboard runs list` lists the evaluations."


def unknown_run(run_id: str, visitor: Visitor = OPERATOR) -> DatasetError:
    """The error for a run that does not exist, or that the visitor may not see: the same for both."""
    perhaps = ", or it is not yours to see" if visitor.name and not visitor.is_admin else ""
    return DatasetError(f"There is no evaluation {run_id!r}{perhaps}.", HOW_TO_LIST, "run_unknown")


def how_to_finish(manifest: RunManifest, state: str) -> str:
    """What to do about a run that is not finished, in a sentence."""
    if state in ("running", "paused"):
        return manifest.message or "Wait for its end."
    if manifest.imported:
        return "Import the predictions again."
    return f"Finish it: `python -m dashboard evaluate --resume {in_command(manifest.run_id)}`."


def not_final(manifest: RunManifest, state: str) -> str:
    """That a run is not finished, in a sentence."""
    return f"The evaluation {manifest.run_id} is {state}, so its figures are not final."


def unfinished_notes(*runs: Run) -> list[str]:
    """A note about each of these runs that is not finished."""
    return [
        f"{not_final(run.manifest, run.state)} {how_to_finish(run.manifest, run.state)}"
        for run in runs
        if run.state != "finished"
    ]


def check_finished(manifest: RunManifest, state: str) -> None:
    """Raises DatasetError with the code `run_unfinished` unless the run is finished."""
    if state != "finished":
        raise DatasetError(not_final(manifest, state), how_to_finish(manifest, state), "run_unfinished")


def damaged(run_id: str, error: Exception | str) -> DatasetError:
    """The error for a run whose files cannot be read; its code is `run_unreadable` if they may be sound.

    If the folder of the run is gone, it is the error for a run that does not exist.
    """
    if isinstance(error, FileNotFoundError) and error.filename and not Path(error.filename).parent.exists():
        return unknown_run(run_id)  # it was deleted meanwhile
    if isinstance(error, Exception):
        trace = error if _LOG.isEnabledFor(logging.DEBUG) else None
        level = logging.DEBUG if (run_id, reason(error)) in _TOLD else logging.WARNING  # lists read it again and again
        _LOG.log(level, "Run %s cannot be read: %s", run_id, reason(error), exc_info=trace)
        _TOLD.add((run_id, reason(error)))
    if isinstance(error, PermissionError):
        return DatasetError(
            f"The evaluation {run_id} cannot be read: {error.filename}: {error.strerror}.",
            f"Make {error.filename} readable for the dashboard's user.",
            "run_unreadable",
        )
    if isinstance(error, OSError) and error.filename:
        error = f"{Path(error.filename).name}: {error.strerror}"
    return DatasetError(
        f"The evaluation {run_id} cannot be read ({error}).",
        f"Delete it with `python -m dashboard runs delete {in_command(run_id)}`, then evaluate the dataset again.",
        "run_damaged",
    )


Order = Literal["most confident", "least confident", "smallest margin", "largest loss", "dataset"]
_BY: dict[Order, tuple[str, bool]] = {  # column, ascending
    "most confident": ("confidence", False),
    "least confident": ("confidence", True),
    "smallest margin": ("margin", True),
    "largest loss": ("true_probability", True),
}


def ordered(run: Run, order: Order) -> pd.DataFrame:
    """The evaluated rows of a run in this order. Raises DatasetError if they cannot be read."""
    rows = run.evaluated
    if order == "dataset":
        return rows
    column, ascending = _BY[order]
    values = rows[column] if column in rows else run.column(column)[rows.index.to_numpy()]
    by = np.asarray(values, float)
    return rows.iloc[np.argsort(by if ascending else -by, kind="stable")]


def mistakes_first(evaluated: pd.DataFrame) -> pd.DataFrame:
    """The rows whose predicted class is not their label, the most confident first."""
    true, predicted = evaluated["true_label"].cat.codes, evaluated["predicted_label"].cat.codes
    return evaluated[(true >= 0) & (true != predicted)].sort_values("confidence", ascending=False, kind="stable")
