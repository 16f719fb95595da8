"""The run store: one folder a run, with a manifest and Parquet parts, each written whole or not at all.

A run is one evaluation of one dataset by one model version; its table has one row an image. Part 7 holds the rows of
chunk 7, so that what is missing is known; the parts of a complete run are packed into one file.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.errors import DatasetError
from dashboard.core.files import open_atomically, write_json
from dashboard.core.labels import LEAVE_OUT, NO_LABEL
from dashboard.core.metrics import Evaluation, evaluate_labels
from dashboard.core.preprocessing import Fit
from dashboard.core.run_owner import RunOwner, is_owned
from dashboard.core.run_rows import COLUMNS, Row, RowFiles, rows_table
from dashboard.core.thumbnails import MOST_BYTES, ThumbnailFile

State = Literal["running", "finished", "cancelled", "failed"]
_MANIFEST = "manifest.json"
_EVALUATION = "evaluation.json"
_PACKED = "rows.parquet"
_THUMBNAILS = "thumbnails.npy"
_BEGINNING = ".beginning.lock"


@dataclass(frozen=True)
class RunManifest:
    """What was evaluated, by what, and how far it got."""

    run_id: str
    created_utc: str  # ISO 8601
    dataset: str  # path on the server
    dataset_sha256: str
    model: str  # NAME@VERSION
    model_sha256: str
    class_names: tuple[str, ...]
    n_images: int
    fit: Fit | None = None  # how pictures were made to fit; None: as the model version says
    unknown_labels: tuple[str, ...] = ()  # names in the dataset that mean none of the model's classes
    label_map: tuple[tuple[str, str], ...] = ()  # what the others meant; as a dict, what `match_labels` takes
    notes: tuple[str, ...] = ()  # how the dataset was read, in sentences
    imported: bool = False  # predictions made elsewhere: `dataset` is their file, and there are no images
    chunk_size: int = 128  # images a part
    key: str = ""  # equal where dataset, model version and labels are: the same answers; "" where unknown
    state: State = "running"  # whether somebody works on it is told by its owner
    seconds: float = 0.0  # spent on it
    message: str = ""  # why it failed

    @property
    def dataset_name(self) -> str:
        """Without its folder."""
        return Path(self.dataset).name.removesuffix(".dataset.json")

    @cached_property
    def class_of(self) -> dict[str, str | None]:
        """Class of the model by name in the dataset, of those that are evaluated; None: compared with nothing."""
        return {name: None if meant == NO_LABEL else meant for name, meant in self.label_map if meant != LEAVE_OUT}

    @cached_property
    def left_out(self) -> frozenset[str]:
        """Names in the dataset whose images the user wanted left out."""
        return frozenset(name for name, meant in self.label_map if meant == LEAVE_OUT)


@dataclass(frozen=True)
class Run:
    """A stored run with its rows."""

    manifest: RunManifest
    table: pd.DataFrame  # the columns asked for, in the order of `index`; its own index is the row's position
    files: RowFiles
    measured: Evaluation | None  # as a worker computed and stored it
    state: State | Literal["interrupted"]  # see `RunStore.state`

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
            raise _damaged(self.manifest.run_id, error) from error

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


@dataclass(frozen=True)
class Part:
    """What a stored part of a run holds."""

    rows: int
    failed: int


class RunStore:
    """The runs below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, manifest: RunManifest) -> None:
        """Writes the manifest."""
        write_json(self.folder(manifest.run_id) / _MANIFEST, asdict(manifest))

    def add_part(self, run_id: str, part: int, rows: Sequence[Row] | pa.Table) -> None:
        """Writes the rows of chunk number `part`, which come before those of the next; written twice they count once.

        Raises:
            OSError: they are not stored, and nothing else has changed.
        """
        table = rows if isinstance(rows, pa.Table) else rows_table(rows)
        with open_atomically(self.folder(run_id) / f"part-{part:07d}.parquet") as out:
            pq.write_table(table.sort_by("index"), out)

    def parts(self, run_id: str) -> dict[int, Part]:
        """The parts that can be read, by their number."""
        found = {}
        for path in self._part_paths(run_id):
            try:
                status = pq.read_table(path, columns=["status"])["status"].to_pylist()
            except (OSError, ValueError, pa.ArrowException):
                continue  # then it is written once more
            found[int(path.stem.partition("-")[2])] = Part(len(status), status.count("failed"))
        return found

    def growth(self, run_id: str) -> int:
        """Parts that are not packed, to two digits: it changes when somebody who looks again sees much more."""
        return int(float(f"{len(self._part_paths(run_id)):.2g}"))

    def keep_thumbnails(self, run_id: str, n: int, shape: tuple[int, int]) -> ThumbnailFile | None:
        """Where they go; None when there would be too much of them. Raises OSError."""
        if n * shape[0] * shape[1] * 3 > MOST_BYTES:
            return None
        return ThumbnailFile(self.folder(run_id) / _THUMBNAILS, n, shape)

    def thumbnails(self, run_id: str) -> np.ndarray | None:
        """(N, height, width, 3) uint8 by `index`, read when looked at; None when the run has none."""
        try:
            thumbnails: np.ndarray = np.load(self.folder(run_id) / _THUMBNAILS, mmap_mode="r")
        except (OSError, ValueError):
            return None
        return thumbnails

    def is_packed(self, run_id: str) -> bool:
        """All rows are there, in one file."""
        return (self.folder(run_id) / _PACKED).exists()

    def manifest(self, run_id: str) -> RunManifest:
        """Raises DatasetError when there is no such run."""
        try:
            record = json.loads((self.folder(run_id) / _MANIFEST).read_text(encoding="utf-8"))
            for name in ("class_names", "unknown_labels", "notes"):
                record[name] = tuple(record.get(name, ()))
            record["label_map"] = tuple((label, meant) for label, meant in record.get("label_map", ()))
            return RunManifest(**record)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise _unknown(run_id) from error

    def load(self, run_id: str, columns: Sequence[str] = COLUMNS) -> Run:
        """The run with the rows written so far. Raises DatasetError when there is no such run, or it is damaged."""
        manifest = self.manifest(run_id)
        try:
            files, table = self._read(manifest, columns)
        except FileNotFoundError:  # its parts were packed meanwhile
            files, table = self._read(manifest, columns)
        measured: Evaluation | None = None
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # computed anew where it cannot be read
            measured = Evaluation.from_dict(json.loads((self.folder(run_id) / _EVALUATION).read_text()))
        return Run(manifest, table, files, measured, self.state(manifest))

    def _read(self, manifest: RunManifest, columns: Sequence[str]) -> tuple[RowFiles, pd.DataFrame]:
        packed = self.folder(manifest.run_id) / _PACKED
        files = RowFiles([packed] if packed.exists() else self._part_paths(manifest.run_id), manifest.class_names)
        try:
            return files, files.read(columns)
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise _damaged(manifest.run_id, error) from error

    def measure(self, run_id: str) -> None:
        """Computes the metrics of a run and stores them beside its rows; packs those when none is missing.

        Imports scikit-learn and SciPy, 100 MB that a server need not hold: let a worker do it.
        """
        run = self.load(run_id, ("true_label", "predicted_label", "confidence", "status"))
        if evaluation := replace(run, measured=None).evaluation():
            self.keep_evaluation(run_id, evaluation)
        if len(run.table) == run.manifest.n_images:
            run.files.pack(self.folder(run_id) / _PACKED)
            for path in self._part_paths(run_id):
                path.unlink()

    def forget_evaluation(self, run_id: str) -> None:
        """Whoever reads the run computes its metrics. Raises OSError."""
        (self.folder(run_id) / _EVALUATION).unlink(missing_ok=True)

    def keep_evaluation(self, run_id: str, evaluation: Evaluation) -> None:
        """Stores metrics beside the rows."""
        write_json(self.folder(run_id) / _EVALUATION, evaluation.to_dict())

    def list(self) -> list[RunManifest]:
        """All runs, newest first."""
        found = []
        for path in self.root.glob(f"*/{_MANIFEST}"):
            try:
                found.append(self.manifest(path.parent.name))
            except DatasetError:
                continue
        return sorted(found, key=lambda m: m.created_utc, reverse=True)

    def same_as(self, key: str) -> RunManifest | None:
        """The newest finished run with this key that has all its rows."""
        same = (m for m in self.list() if m.key == key and m.state == "finished") if key else ()
        return next((m for m in same if self._is_whole(m)), None)

    def _is_whole(self, manifest: RunManifest) -> bool:
        try:
            return len(self.load(manifest.run_id, ("status",)).table) == manifest.n_images
        except DatasetError:
            return False

    def under_way(self, key: str) -> RunManifest | None:
        """The run with this key that some process works on."""
        return next((m for m in self.list() if m.key == key and self.state(m) == "running"), None) if key else None

    def interrupted(self, key: str, dataset: Path) -> RunManifest | None:
        """The newest run of this dataset and key that somebody began and nobody works on."""
        return next(
            (
                m
                for m in self.list()
                if m.key == key and m.dataset == str(dataset) and m.state != "finished" and not self.is_owned(m.run_id)
            ),
            None,
        )

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """One process at a time, so that of two that look for a run and then begin it, one finds the other's.

        Raises:
            OSError: the store cannot be written.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / _BEGINNING).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def begin(self, manifest: RunManifest) -> RunOwner:
        """Starts a run with no rows. Raises OSError when it cannot be written."""
        self.folder(manifest.run_id).mkdir(parents=True)
        owner = self.own(manifest.run_id)  # before anybody can see that there is a run
        try:
            self.save(manifest)
        except BaseException:
            owner.release()
            shutil.rmtree(self.folder(manifest.run_id), ignore_errors=True)
            raise
        return owner

    def own(self, run_id: str) -> RunOwner:
        """The right to go on with a run.

        Raises:
            DatasetError: with the code `run_in_use` when somebody else has it, `run_unknown` when there is no such run.
        """
        try:
            return RunOwner(self.folder(run_id))
        except FileNotFoundError as error:
            raise _unknown(run_id) from error

    def state(self, manifest: RunManifest) -> State | Literal["interrupted"]:
        """As the manifest says, but for a run that nobody works on any more."""
        if manifest.state == "running" and not self.is_owned(manifest.run_id):
            return "interrupted"
        return manifest.state

    def is_owned(self, run_id: str) -> bool:
        """Whether some process works on the run."""
        return is_owned(self.folder(run_id))

    def delete(self, run_id: str) -> None:
        """Removes a run and its rows. Raises DatasetError with the code `run_in_use` while somebody works on it."""
        folder = self.folder(run_id)
        if folder.is_dir():
            owner = self.own(run_id)
            try:
                (folder / _MANIFEST).unlink(missing_ok=True)  # first, so that it is never half a run
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                owner.release()

    def finish(self, manifest: RunManifest, state: State, seconds: float, message: str = "") -> RunManifest:
        """Writes and returns the manifest in its last state."""
        finished = replace(manifest, state=state, seconds=round(seconds, 3), message=message)
        self.save(finished)
        return finished

    def seconds_of_last_leg(self, run_id: str) -> float:
        """From the last time that work on the run began to the last part that was written."""
        began = (self.folder(run_id) / _MANIFEST).stat().st_mtime
        legs = (path.stat().st_mtime - began for path in self._part_paths(run_id))
        return max([0.0, *legs])  # less than nothing where the clock was set back

    def _part_paths(self, run_id: str) -> Sequence[Path]:
        return sorted(self.folder(run_id).glob("part-*.parquet"))

    def folder(self, run_id: str) -> Path:
        """Where a run lies. Raises DatasetError for what is no name of a run."""
        if not run_id or run_id != Path(run_id).name or run_id.startswith("."):
            raise DatasetError(f"{run_id!r} is no run.", code="run_unknown")
        return self.root / run_id


def _unknown(run_id: str) -> DatasetError:
    return DatasetError(f"There is no run {run_id!r}.", "Evaluate the dataset again.", "run_unknown")


def _damaged(run_id: str, error: Exception) -> DatasetError:
    return DatasetError(f"Run {run_id} cannot be read ({error}).", "Evaluate the dataset again.", "run_damaged")


def mistakes_first(evaluated: pd.DataFrame, cell: tuple[str, str] | None) -> pd.DataFrame:
    """Rows to look at: those of a confusion cell (true, predicted), or all mistakes; the surest first."""
    true, predicted = evaluated["true_label"].cat.codes, evaluated["predicted_label"].cat.codes
    if cell is None:
        rows = evaluated[(true >= 0) & (true != predicted)]
    else:
        rows = evaluated[(evaluated["true_label"] == cell[0]) & (evaluated["predicted_label"] == cell[1])]
    return rows.sort_values("confidence", ascending=False, kind="stable")
