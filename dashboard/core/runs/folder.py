"""The folder of one run: its manifest, which is written completely or not at all, its rows, and who works on it."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import TypeAdapter

from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.core.datasets.whereabouts import moved_along
from dashboard.core.errors import AccessError, DatasetError
from dashboard.core.files import how_to_write_again
from dashboard.core.runs.checked_json import read_record, write_checked_json
from dashboard.core.runs.file_faults import ANNOTATIONS, ATTRIBUTES
from dashboard.core.runs.files_beside import FilesBeside
from dashboard.core.runs.filtering import OF_PROBABILITIES, OWN_COLUMNS, TAG, FilterSource, passing
from dashboard.core.runs.filters import Filter
from dashboard.core.runs.manifest import MOST_SECONDS, RunManifest, State, ToldState
from dashboard.core.runs.owner import RunOwner, is_owned, why_paused
from dashboard.core.runs.rows import COLUMNS, RowFiles, complete
from dashboard.core.runs.run import Run, damaged, unknown_run
from dashboard.core.runs.stored_rows import StoredRows
from dashboard.core.shell import in_command

MANIFEST = "manifest.json"
BIN, DAYS_KEPT = ".bin", 7  # the folder of deleted runs, see `bin`
_STOP = "stop"
_USER = "user.json"
_MANIFEST_TYPE = TypeAdapter(RunManifest)
_USER_TYPE = TypeAdapter[dict[Literal["user"], str] | str](dict[Literal["user"], str] | str)  # str: of earlier versions
FOR_EVALUATION = ("status", "true_label", "predicted_label", "confidence")


class RunFolder:
    """The folder of one run. The folder may be missing or incomplete."""

    def __init__(self, path: Path, visitor: Visitor = OPERATOR) -> None:
        self.path, self._visitor = path, visitor
        self.rows = StoredRows(path)
        self.beside = FilesBeside(path, self.manifest, self.check_may_change)

    @property
    def run_id(self) -> str:
        """The id of the run, which is the name of the folder."""
        return self.path.name

    def manifest(self) -> RunManifest:
        """Reads the manifest.

        Raises:
            DatasetError: code `run_unknown` when there is no such run, `run_damaged` when the file is not a manifest,
                cannot be read, or is missing although there are rows, `run_unreadable` when reading it is not allowed.
        """
        try:
            manifest = read_record(self.path / MANIFEST, _MANIFEST_TYPE)
        except (FileNotFoundError, NotADirectoryError) as error:
            # the last look finds a run that was restored meanwhile
            if self.rows.exist() and not self.is_owned() and not (self.path / MANIFEST).exists():
                raise damaged(self.run_id, f"{MANIFEST} is missing") from error
            raise self.unknown() from error
        except OSError as error:
            raise damaged(self.run_id, error) from error
        if manifest.run_id != self.run_id:  # else deleting the one would delete the other
            raise damaged(self.run_id, f"{MANIFEST}.run_id: it is {manifest.run_id!r}, unlike the name of the folder")
        if not self.run_id.isprintable():  # pages, addresses and logs could not show it
            raise damaged(self.run_id, f"the name of its folder, {self.run_id!r}, has characters that cannot be shown")
        return self._with_paths_of_now(manifest)

    def _with_paths_of_now(self, manifest: RunManifest) -> RunManifest:
        """The manifest, with paths of the present data folder if that was moved."""
        then = manifest.dataset, manifest.labels
        dataset, labels = now = tuple(
            str(moved_along(Path(each), self.path.parent.parent)) if each else "" for each in then
        )
        return manifest if now == then else replace(manifest, dataset=dataset, labels=labels)

    def check_exists(self) -> None:
        """Raises DatasetError, with the code `run_unknown` if there is no such run, not even a damaged one."""
        try:
            is_there = self.path.is_dir()
        except OSError as error:
            raise damaged(self.run_id, error) from error
        if not is_there:
            raise self.unknown()

    def save(self, manifest: RunManifest) -> None:
        """Writes the manifest. Raises OSError."""
        write_checked_json(self.path / MANIFEST, _MANIFEST_TYPE.dump_python(manifest, mode="json"), make_folder=True)

    def finish(self, manifest: RunManifest, state: State, seconds: float, message: str = "") -> RunManifest:
        """Writes the manifest with a new state, time spent and message, and returns it. Raises OSError."""
        seconds = round(min(max(seconds, 0.0), MOST_SECONDS), 3)  # the clock may have been changed meanwhile
        finished = replace(manifest, state=state, seconds=seconds, message=message)
        write_checked_json(self.path / MANIFEST, _MANIFEST_TYPE.dump_python(finished, mode="json"))
        return finished

    def keep_user(self, user: str) -> None:
        """Writes who starts the run, so that they can also delete it when its manifest is damaged. Raises OSError.

        Args:
            user: not "".
        """
        write_checked_json(self.path / _USER, {"user": user})

    def may_see(self) -> bool:
        """True if the visitor may see the run. One with a damaged manifest is for its owner and for admins."""
        return self._allows(self._visitor.may_see)

    def may_change(self) -> bool:
        """True if the visitor may change, stop, delete and restore the run."""
        return self._allows(self._visitor.may_change)

    def deleted(self) -> DatasetError | None:
        """The error for a run that is in the bin; None if it is not, or the visitor may not see it."""
        for folder in self._in_bin():
            if RunFolder(folder, self._visitor).may_see():
                return DatasetError(
                    f"The evaluation {self.run_id} was deleted.",
                    f"For {DAYS_KEPT} days, `python -m dashboard runs restore {in_command(self.run_id)}` brings it back.",
                    "run_unknown",
                )
        return None

    def _in_bin(self) -> Iterator[Path]:
        with contextlib.suppress(OSError):  # there is no bin, or nobody may read it
            for place in (self.path.parent / BIN).iterdir():
                with contextlib.suppress(OSError):
                    if (place / self.run_id).is_dir():
                        yield place / self.run_id

    def unknown(self) -> DatasetError:
        """The error for a run that is not there, or that the visitor may not see."""
        return self.deleted() or unknown_run(self.run_id, self._visitor)

    def check_may_change(self) -> None:
        """Raises AccessError unless the visitor may change the run, or DatasetError if it may not even be seen."""
        if self.may_change():
            return
        if not self.may_see():
            raise unknown_run(self.run_id, self._visitor)
        raise AccessError(
            f"You may look at the evaluation {self.run_id}, but you did not start it, so you cannot change it.",
            "Evaluate the dataset again to get an evaluation of your own, or ask an admin of this dashboard.",
            "not_yours",
        )

    def _allows(self, may: Callable[[str], bool]) -> bool:
        if self._visitor.is_admin:
            return True
        try:
            return may(self.manifest().user)
        except DatasetError:  # no such run, or a damaged manifest
            return bool(user := self._user()) and may(user)

    def _user(self) -> str:
        """Who started the run, see `keep_user`; "" if that is not known."""
        try:
            found = read_record(self.path / _USER, _USER_TYPE)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            logging.getLogger(__name__).warning(
                "Only admins see the damaged evaluation %s, since %s cannot be read: %s", self.run_id, _USER, error
            )
            return ""
        return found if isinstance(found, str) else found.get("user", "")

    def own(self) -> RunOwner:
        """Takes the right to write to the run.

        Raises:
            DatasetError: code `run_in_use` when another owner has it, `run_unknown` when there is no such run.
        """
        try:
            return RunOwner(self.path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise unknown_run(self.run_id, self._visitor) from error

    def is_owned(self) -> bool:
        """True while some process works on the run."""
        return is_owned(self.path)

    def is_under_way(self, manifest: RunManifest) -> bool:
        """True if some process works on the run, or has paused it."""
        return manifest.state == "running" and self.is_owned()

    def state(self, manifest: RunManifest) -> ToldState:
        """The state in the manifest, but "paused" or "interrupted" if that says "running" and no process works on the run now."""
        return self.told(manifest)[1]

    def told(self, manifest: RunManifest) -> tuple[RunManifest, ToldState]:
        """The manifest, which gets the reason as its message if the run is paused, and the state, see `state`."""
        if manifest.state != "running":
            return manifest, manifest.state
        why = why_paused(self.path)
        if why is None:
            return manifest, "interrupted"
        return (replace(manifest, message=why), "paused") if why else (manifest, "running")

    def ask_to_stop(self) -> None:
        """Asks the process that works on the run, whichever it is, to stop it as cancelled.

        Raises:
            AccessError: the visitor may not change the run.
            DatasetError: the request cannot be stored, or there is no such run.
        """
        self.check_may_change()
        try:
            (self.path / _STOP).touch()
        except OSError as error:
            reason = f"The evaluation {self.run_id} cannot be stopped from here: {error.strerror or error}."
            raise DatasetError(reason, f"{how_to_write_again(error)}.", "storage") from error

    def is_asked_to_stop(self) -> bool:
        """True if `ask_to_stop` was called since work on the run began."""
        return (self.path / _STOP).exists()

    def forget_stop(self) -> None:
        """For the process that begins to work on the run. Raises OSError."""
        (self.path / _STOP).unlink(missing_ok=True)

    def add_part(self, part: int, rows: pa.Table, notes: Mapping[str, int] | None = None) -> None:
        """Writes the rows of chunk number `part`. Writing a part again replaces it.

        Args:
            notes: on how pixels were made from files, each with the number of its images.

        Raises:
            OSError: the rows could not be stored; nothing else has changed.
            DatasetError: the manifest is missing or damaged.
        """
        if not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))
        self.rows.add_part(part, complete(rows.sort_by("index"), self.manifest().class_names), notes or {})

    def seconds_until_last_part(self) -> float:
        """The seconds from the last write of the manifest, which is when work began, to the write of the last part."""
        began, *parts = (path.stat().st_mtime for path in (self.path / MANIFEST, *self.rows.part_paths()))
        return max([began, *parts]) - began

    def rows_fault(self, manifest: RunManifest) -> str:
        """What is wrong with the rows of a finished run, as far as it can be told without reading them; "" for nothing.

        Raises DatasetError if the run was deleted meanwhile.
        """
        if manifest.state != "finished" or not manifest.n_images:
            return ""
        fault = self.rows.fault()
        if fault:
            self.manifest()  # raises DatasetError if the run was deleted meanwhile
        return fault

    def load(self, columns: Sequence[str] = COLUMNS, conditions: Filter = ()) -> Run:
        """The run with the rows stored so far, or those of them that a filter lets pass.

        Raises:
            DatasetError: there is no such run, it is damaged, or the filter cannot be used.
        """
        manifest = self.manifest()
        try:
            files, table = self._rows(manifest, columns)
        except FileNotFoundError:  # the parts were packed meanwhile
            files, table = self._rows(manifest, columns)
        beside, (manifest, state) = self.beside, self.told(manifest)
        measured = beside.evaluation(manifest, table)
        run = Run(manifest, table, files, measured, state, (), beside.attributes, beside.faults, beside.thumbnails)
        if measured is None and manifest.state == "finished" and {*FOR_EVALUATION} <= {*table}:
            with contextlib.suppress(OSError, DatasetError):  # they were removed or damaged; lists of runs show them
                if found := run.evaluation():
                    beside.keep_evaluation(found)
        return self.narrow(run, conditions) if conditions else run

    def narrow(self, run: Run, conditions: Filter) -> Run:
        """Those rows of a loaded run that a filter lets pass, too. Raises DatasetError as `load` does."""
        columns = {condition.column for condition in conditions}
        for name, needed in ((ANNOTATIONS, {TAG}), (ATTRIBUTES, columns - {*OWN_COLUMNS})):
            if columns & needed and (fault := run.find_faults().get(name)):
                raise fault
        if columns & OF_PROBABILITIES:
            run.check_probabilities()
        try:
            mask = passing(conditions, self.filter_source(run.files))[run.table.index]
        except (OSError, pa.ArrowException) as error:
            raise damaged(self.run_id, error) from error
        return replace(run, table=run.table[mask], measured=None, conditions=(*run.conditions, *conditions))

    def filter_source(self, files: RowFiles) -> FilterSource:
        """Where a filter of this run's rows finds its values, as far as these are not among `FilesBeside.faults`.

        Raises DatasetError if there is no such run, or it is damaged.
        """
        attributes = self.beside.attributes
        return FilterSource(
            files.arrow,
            self.manifest().class_names,
            attributes.names,
            lambda name: attributes.read(name, files.arrow(["index"])["index"]),
            self.beside.readable_annotations().tags,
        )

    def _rows(self, manifest: RunManifest, columns: Sequence[str]) -> tuple[RowFiles, pd.DataFrame]:
        files = self.rows.files(manifest.class_names)
        if fault := self.rows_fault(manifest):
            raise damaged(self.run_id, fault)
        try:
            return files, _read(files, columns, manifest.n_images)
        except FileNotFoundError:
            raise
        except OSError as error:
            told = damaged(self.run_id, error)
            if manifest.state != "finished" and not self.rows.is_packed() and told.code == "run_damaged":
                files = self.rows.sound_files(manifest.class_names)
                with contextlib.suppress(OSError):  # the other rows are evaluated again when the run is resumed
                    return files, _read(files, columns, manifest.n_images)
            raise told from error


def _read(files: RowFiles, columns: Sequence[str], n_images: int) -> pd.DataFrame:
    table = files.read(columns)
    if "index" in table:
        _check_index(table["index"].to_numpy(), n_images)
    return table


def _check_index(index: np.ndarray, n_images: int) -> None:
    """Raises OSError if an image occurs twice, or a position is none of the dataset."""
    ascending = index if np.all(np.diff(index) > 0) else np.sort(index)
    if len(index) and (np.any(np.diff(ascending) == 0) or ascending[0] < 0 or ascending[-1] >= n_images):
        raise OSError("the rows do not have one row for each image of the dataset")
