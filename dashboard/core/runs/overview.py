"""What a list shows of each run. Rows are read only where the stored metrics were lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from dashboard.core.errors import DatasetError
from dashboard.core.metrics.intervals import Proportion
from dashboard.core.runs.annotations import Annotations
from dashboard.core.runs.checked_json import read_record
from dashboard.core.runs.folder import FOR_EVALUATION, RunFolder
from dashboard.core.runs.manifest import RunManifest, ToldState
from dashboard.core.runs.store import RunStore


@dataclass(frozen=True)
class _Accuracy:
    """The part of the stored metrics that a list shows."""

    accuracy: Proportion


_TYPE = TypeAdapter(_Accuracy)


@dataclass(frozen=True)
class RunOverview:
    """One run of a list."""

    manifest: RunManifest
    state: ToldState
    accuracy: Proportion | None  # None if it is not measured yet, or there are no labels, or no sound rows
    annotations: Annotations
    annotations_fault: str = ""  # why these cannot be read; they are empty then

    @property
    def note(self) -> str:
        """The note, or why it cannot be read."""
        return self.annotations_fault or self.annotations.note


def overviews(store: RunStore) -> list[RunOverview]:
    """All runs, newest first."""
    return [overview(store.folder(manifest.run_id), manifest) for manifest in store.list()]


def overview(folder: RunFolder, manifest: RunManifest) -> RunOverview:
    """What a list shows of one run."""
    annotations, fault = Annotations(), ""
    try:
        annotations = folder.beside.annotations()
    except DatasetError as error:
        fault = str(error)
    measured = None if manifest.state == "running" else _accuracy(folder, manifest.n_images)
    if measured is None and manifest.state == "finished" and folder.rows.have_labels():
        with suppress(DatasetError):  # the rows are damaged, as whoever opens the run is told
            measured = _computed_accuracy(folder)
    return RunOverview(*folder.told(manifest), measured, annotations, fault)


def _accuracy(folder: RunFolder, n_images: int) -> Proportion | None:
    path = folder.beside.evaluation_file
    try:
        found = _accuracy_in(path, path.stat().st_mtime_ns)
    except OSError:
        return None
    return found if found.n <= n_images else None  # an exact check would need the rows


def _computed_accuracy(folder: RunFolder) -> Proportion | None:
    """The accuracy by the rows; `load` stores the metrics again. Raises DatasetError."""
    evaluation = folder.load(FOR_EVALUATION).evaluation()
    return evaluation.accuracy if evaluation else None


@lru_cache(maxsize=4096)
def _accuracy_in(path: Path, written_ns: int) -> Proportion:
    """The accuracy in a file of metrics as it was written at this time. Raises OSError."""
    return read_record(path, _TYPE).accuracy
