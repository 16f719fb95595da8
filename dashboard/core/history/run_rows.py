"""The predictions of evaluations, read from the rows of their runs. They are not stored a second time.

A million rows would take some 400 MB in the database and tell nothing that the run does not. Who started a run is stored, and
counts where its manifest names nobody, such as the account of a command. The hash of an image is computed when it is shown, as
long as the dataset still has the image. So are the scores of the doubt, as long as the version that made the run is still
there, and for older runs the doubt itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from dashboard.core.database.ids import id_time
from dashboard.core.datasets import Dataset, is_there
from dashboard.core.datasets.unchanged import still_there
from dashboard.core.errors import DashboardError, DatasetError, ModelError
from dashboard.core.evaluation.opening import version_of_run
from dashboard.core.history.entry import TOP, Entry, HistoryFilter
from dashboard.core.history.prediction_ids import id_in_run
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.models.prediction import most_probable
from dashboard.core.models.registry import Registry
from dashboard.core.runs.images import dataset_of, evaluated_file
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import DOUBT, VIEW_COLUMNS
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore

RunState = Literal["there", "damaged", "deleted", "removed"]  # deleted: it can be restored; removed: it cannot
_AT_ONCE = 256
_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class RunRows:
    """The predictions of one run that pass a filter."""

    store: RunStore
    registry: Registry
    manifest: RunManifest
    recorded_user: str  # in the database; "" if unknown
    asked: HistoryFilter

    @property
    def user(self) -> str:
        """Who started the run: its owner, or as recorded if it has none."""
        return self.manifest.user or self.recorded_user

    @property
    def time(self) -> str:
        """The place of all its predictions in the history, as `id_time`."""
        return id_time(_time(self.manifest))

    def count(self) -> int:
        """How many pass. A run that cannot be read has none."""
        return len(self._passing()[1])

    def newest_first(self, below: int | None = None) -> Iterator[Entry]:
        """The predictions, the last image first.

        Args:
            below: only images with a smaller index.
        """
        run, rows = self._passing()
        if below is not None:
            rows = rows[rows["index"] < below]
        dataset, familiarity = self._dataset(), self._familiarity()
        if run is None:
            return
        columns = ["file", "pred_probs", DOUBT, *(["logits"] if familiarity else [])]
        for end in range(len(rows), 0, -_AT_ONCE):
            some = rows.iloc[max(0, end - _AT_ONCE) : end]
            try:
                details = run.detail(some, columns)
            except DatasetError:
                return
            for place in reversed(some.index):
                yield self._entry(some.loc[place], details.loc[place], dataset, familiarity)

    def _passing(self) -> tuple[Run | None, pd.DataFrame]:
        asked = self.asked
        try:
            run = self.store.folder(self.manifest.run_id).load(VIEW_COLUMNS)
        except DatasetError:
            return None, pd.DataFrame({"index": []})
        rows = run.evaluated
        if asked.label is not None:
            rows = rows[rows["predicted_label"] == asked.label]
        if asked.least_confidence is not None:
            rows = rows[rows["confidence"] >= asked.least_confidence]
        if asked.most_confidence is not None:
            rows = rows[rows["confidence"] <= asked.most_confidence]
        rows = rows.sort_values("index", kind="stable")
        if asked.doubt is not None:
            try:
                rows = rows[self._with_doubt(run, rows, asked.doubt)]
            except DatasetError:
                return None, rows[:0]
        return run, rows

    def _with_doubt(self, run: Run, rows: pd.DataFrame, doubt: bool) -> np.ndarray:
        """(N,) bool: the doubt about each row is known, and is this. Raises DatasetError if they cannot be read."""
        stored, familiarity = run.detail(rows, [DOUBT])[DOUBT], self._familiarity()
        found = stored.eq(doubt).to_numpy(bool, copy=True)
        if familiarity is None:
            return found
        places = np.flatnonzero(stored.isna())  # of older runs
        for start in range(0, len(places), _ROWS_AT_ONCE):  # not all logits at once, which may not fit into memory
            some = places[start : start + _ROWS_AT_ONCE]
            logits = run.detail(rows.iloc[some], ["logits"])["logits"]
            known = logits.notna().to_numpy()
            if known.any():
                confidence = rows["confidence"].to_numpy()[some[known]]
                unknown = familiarity.unknown(np.stack(logits[known].to_list()), confidence)
                found[some[known]] = unknown == doubt
        return found

    def _dataset(self) -> Dataset | None:
        with suppress(DashboardError, OSError):
            return dataset_of(self.manifest)
        return None

    def _familiarity(self) -> Familiarity | None:
        """The thresholds of the version; None if it has none, or is not what made the run any more."""
        with suppress(ModelError):
            return version_of_run(self.registry, self.manifest).familiarity
        return None

    def _entry(
        self, row: pd.Series, detail: pd.Series, dataset: Dataset | None, familiarity: Familiarity | None
    ) -> Entry:
        m, index = self.manifest, int(row["index"])
        name, _, version = m.model.partition("@")
        probs, logits = detail["pred_probs"], detail.get("logits")
        doubt = None
        if familiarity and probs is not None and logits is not None:
            doubt = familiarity.doubts(np.asarray(logits), np.asarray(probs))
        return Entry(
            prediction_id=id_in_run(m.run_id, index),
            time_utc=_time(m),
            source="evaluation",
            user=self.user,
            file=str(detail["file"]),
            model_name=name,
            model_version=version,
            model_sha256=m.model_sha256,
            image_sha256=_hash(dataset, index, str(detail["file"])),
            label=str(row["predicted_label"]),
            confidence=float(row["confidence"]),
            top3=() if probs is None else most_probable(m.class_names, np.asarray(probs), TOP),
            doubt=doubt.unknown if doubt else None if pd.isna(detail[DOUBT]) else bool(detail[DOUBT]),
            doubt_energy=doubt.energy if doubt else None,
            doubt_msp=doubt.msp if doubt else None,
            fit=m.fit,
        )


def runs_asked_for(
    store: RunStore, registry: Registry, users: Mapping[str, str], asked: HistoryFilter
) -> list[RunRows]:
    """The runs that may hold predictions that pass the filter, the newest first."""
    if asked.source not in (None, "evaluation") or asked.left_out:
        return []
    found = [RunRows(store, registry, m, users.get(m.run_id, ""), asked) for m in store.list() if not m.imported]
    fitting = [rows for rows in found if _fits(rows, asked)]
    return sorted(fitting, key=lambda rows: (rows.time, rows.manifest.run_id), reverse=True)


def one_row(store: RunStore, registry: Registry, run_id: str, index: int, user: str = "") -> Entry | None:
    """The prediction of an image of a run; None if there is none. Raises DatasetError if the run does not exist."""
    rows = RunRows(store, registry, store.folder(run_id).manifest(), user, HistoryFilter())
    found = next(rows.newest_first(below=index + 1), None)
    return found if found and found.prediction_id == id_in_run(run_id, index) else None


def image_of(store: RunStore, run_id: str, index: int, file: str) -> bytes | None:
    """The image file of a prediction of a run; None if it is gone, or another picture is in its place."""
    with suppress(DashboardError, OSError):
        folder = store.folder(run_id)
        manifest = folder.manifest()
        return evaluated_file(dataset_of(manifest), manifest, folder.beside.thumbnails(), index, file)
    return None


def has_dataset(store: RunStore, run_id: str) -> bool:
    """Whether the dataset of a run is where it was. It is not opened."""
    with suppress(DashboardError, OSError):
        return is_there(Path(store.folder(run_id).manifest().dataset))
    return False


def state_of(store: RunStore, run_id: str) -> RunState:
    """Whether a run can still be read, and if not, why."""
    with suppress(DatasetError):
        folder = store.folder(run_id)
        try:
            folder.manifest()
        except DatasetError:
            return "damaged" if folder.path.is_dir() else "deleted" if folder.deleted() else "removed"
        return "there"
    return "removed"


def _fits(rows: RunRows, asked: HistoryFilter) -> bool:
    m = rows.manifest
    return (
        (asked.from_utc is None or _time(m) >= asked.from_utc)
        and (asked.until_utc is None or _time(m) < asked.until_utc)
        and (asked.user is None or rows.user == asked.user)
        and (asked.model is None or asked.model in (m.model, m.model.partition("@")[0]))
    )


def _time(manifest: RunManifest) -> datetime:
    found = datetime.fromisoformat(manifest.created_utc)
    return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _hash(dataset: Dataset | None, index: int, file: str) -> str:
    with suppress(DashboardError, OSError):
        if dataset is not None and still_there(dataset, index, file):
            return hashlib.sha256(dataset.file(index)).hexdigest()
    return ""
