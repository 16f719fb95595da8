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
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.errors import DatasetError
from dashboard.core.files import disk_is_full, open_atomically, write_json
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.runs.manifest import RunManifest, State
from dashboard.core.runs.owner import RunOwner, is_owned
from dashboard.core.runs.rows import COLUMNS, Row, RowFiles, rows_table
from dashboard.core.runs.run import Run, damaged
from dashboard.core.runs.thumbnail_file import MOST_BYTES, ThumbnailFile

_MANIFEST = "manifest.json"
_EVALUATION = "evaluation.json"
_PACKED = "rows.parquet"
_THUMBNAILS = "thumbnails.npy"
_BEGINNING = ".beginning.lock"


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
            raise damaged(manifest.run_id, error) from error

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


def storage_error(store: RunStore, error: OSError, run_id: str = "") -> DatasetError:
    """What to say when the run store cannot be written."""
    more = f"go on with `python -m dashboard evaluate --resume {run_id}`" if run_id else "evaluate again"
    way_out = "Free some space" if disk_is_full(error) else "Let the dashboard's user write there"
    return DatasetError(
        f"The results cannot be written to {store.root}: {error.strerror or error}.",
        f"{way_out}, then {more}.",
        "storage",
    )
