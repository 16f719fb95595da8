"""The store of runs. A run is one evaluation of one dataset by one model version, in a folder of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa

from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.core.errors import DatasetError
from dashboard.core.files import how_to_write_again, locked, remove_unfinished
from dashboard.core.runs.bin import Bin
from dashboard.core.runs.folder import MANIFEST, RunFolder
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.owner import RunOwner
from dashboard.core.runs.run import HOW_TO_LIST, damaged
from dashboard.core.shell import in_command

_BEGINNING = ".beginning.lock"
_ABANDONED_S = 86_400  # a folder without a manifest and without rows that is older belongs to a killed process


@dataclass(frozen=True)
class DamagedRun:
    """A run whose manifest or rows cannot be read."""

    run_id: str
    reason: str  # what is wrong, in a sentence
    fix: str  # what to do
    changed_utc: str  # when its folder was last changed, ISO 8601


@dataclass(frozen=True)
class StoredRuns:
    """All runs of a store."""

    manifests: list[RunManifest]  # newest first
    damaged: list[DamagedRun]  # newest first


class RunStore:
    """The runs that a visitor may see. Each is a folder below `root`."""

    def __init__(
        self,
        root: Path,
        visitor: Visitor = OPERATOR,
        note: Callable[[str, str], object] = lambda action, run_id: None,
    ) -> None:
        """Everybody shares the folders; what is seen of them depends on the visitor.

        Args:
            note: called after a run was deleted, restored or removed for good, for the audit log.
        """
        self.root, self.bin, self.visitor = root, Bin(root, visitor), visitor
        self._note = note

    def folder(self, run_id: str) -> RunFolder:
        """The folder of a run; for an admin, it need not exist.

        Raises:
            DatasetError: the id is not a possible folder name, or the visitor may not see the run.
        """
        folder = self._any_folder(run_id)
        if not folder.may_see():
            raise folder.unknown()
        return folder

    def _any_folder(self, run_id: str) -> RunFolder:
        possible = run_id and run_id == Path(run_id).name and not run_id.startswith(".")
        # a folder that somebody gave an odd name is a damaged run, which can be deleted; elsewhere the name may be no path
        if not possible or (not run_id.isprintable() and run_id not in [each.run_id for each in self._folders()]):
            raise DatasetError(f"{run_id!r} is not the id of an evaluation.", HOW_TO_LIST, "run_unknown")
        return RunFolder(self.root / run_id, self.visitor)

    def list(self) -> list[RunManifest]:
        """The manifests of all runs that can be read, newest first. Raises DatasetError as `read` does."""
        return self.read().manifests

    def damaged(self) -> Sequence[DamagedRun]:
        """The runs whose manifest or rows cannot be read, newest first."""
        return self.read().damaged

    def read(self) -> StoredRuns:
        """Reads the manifest of each run, and looks whether its rows are there.

        Raises DatasetError with the code `storage` if the folder of all runs cannot be read.
        """
        manifests, unreadable = [], []
        for folder in self._folders():
            try:
                manifest = folder.manifest()
                if not self.visitor.may_see(manifest.user):
                    continue
                if fault := folder.rows_fault(manifest):
                    raise damaged(folder.run_id, f"{manifest.dataset_name}: {fault}")
                manifests.append(manifest)
            except DatasetError as error:
                if not folder.may_see():
                    continue
                if error.code in ("run_damaged", "run_unreadable"):
                    unreadable.append(DamagedRun(folder.run_id, error.message, error.fix, _changed(folder.path)))
        return StoredRuns(
            sorted(manifests, key=lambda m: m.created_utc, reverse=True),
            sorted(unreadable, key=lambda d: d.changed_utc, reverse=True),
        )

    def _folders(self) -> Sequence[RunFolder]:
        try:
            # not `Path.is_dir`, which raises PermissionError for a link to a place that cannot be entered
            return [
                RunFolder(path, self.visitor)
                for path in self.root.iterdir()
                if os.path.isdir(path) and not path.name.startswith(".")  # noqa: PTH112
            ]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DatasetError(
                f"The evaluations in {self.root} cannot be read: {error.strerror}.",
                f"{how_to_write_again(error)}, then try again.",
                "storage",
            ) from error

    def tidy(self) -> None:
        """Removes what was deleted more than 7 days ago, and what killed processes left without any rows.

        What cannot be removed stays, with a warning in the log.
        """
        self.bin.remove_old()
        for folder in self._folders():
            try:
                left = not (folder.path / MANIFEST).exists() and not folder.rows.exist() and not folder.is_owned()
                if left and time.time() - folder.path.stat().st_mtime > _ABANDONED_S:
                    shutil.rmtree(folder.path)
                else:
                    remove_unfinished(folder.path, _ABANDONED_S)
            except OSError as error:
                logging.getLogger(__name__).warning("%s could not be tidied: %s", folder.path, error)

    def same_as(self, key: str) -> RunManifest | None:
        """The newest finished run with this key that has all its rows."""
        return self._newest(key, lambda m: m.state == "finished" and self._is_whole(m))

    def under_way(self, key: str) -> RunManifest | None:
        """The newest run with this key that some process works on."""
        return self._newest(key, lambda m: self.folder(m.run_id).is_under_way(m))

    def interrupted(self, key: str, dataset: Path) -> RunManifest | None:
        """The newest unfinished run with this key and dataset path that no process works on and the visitor may resume."""
        return self._newest(
            key,
            lambda m: (
                m.dataset == str(dataset)
                and m.state != "finished"
                and self.visitor.may_change(m.user)
                and not self.folder(m.run_id).is_owned()
            ),
        )

    def _newest(self, key: str, fits: Callable[[RunManifest], bool]) -> RunManifest | None:
        return next((m for m in self.list() if m.key == key and fits(m)), None) if key else None

    def _is_whole(self, manifest: RunManifest) -> bool:
        try:
            return len(self.folder(manifest.run_id).load(("status",)).table) == manifest.n_images
        except DatasetError:
            return False

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """A lock to hold while looking for an equal run and starting a new one, so that only one process starts it.

        Raises:
            OSError: the store cannot be written.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with locked(self.root / _BEGINNING):
            yield

    def begin(self, manifest: RunManifest, attributes: pa.Table | None = None) -> RunOwner:
        """Starts a run with no rows. Raises OSError when it cannot be written.

        Args:
            attributes: see `AttributeFile.keep`.
        """
        folder = self._any_folder(manifest.run_id)
        folder.path.mkdir(parents=True)
        owner = folder.own()  # before the manifest makes the run visible
        try:
            if manifest.user:
                folder.keep_user(manifest.user)
            if attributes is not None:
                folder.beside.attributes.keep(attributes)
            folder.save(manifest)
        except BaseException:
            owner.release()
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        return owner

    def delete(self, run_id: str) -> None:
        """Moves a run into the bin, from which `restore` brings it back. A run that is not there is no error.

        Raises:
            DatasetError: code `run_in_use` while a process works on it.
            AccessError: the visitor may not delete it.
            OSError: it cannot be moved.
        """
        folder = self._any_folder(run_id)
        if folder.path.is_dir():
            folder.check_may_change()
            owner = folder.own()
            try:
                self.bin.add(folder.path)
            except FileNotFoundError:
                if folder.path.is_dir():
                    raise
                return  # somebody else has just deleted it
            except PermissionError:  # Windows does not rename a folder with an open file, which the lock is
                owner.release()
                self.bin.add(folder.path)
            finally:
                owner.release()
            self._note("evaluation.deleted", run_id)
        self.bin.remove_old()

    def restore(self, run_id: str) -> None:
        """Brings a deleted run back. Raises as `Bin.restore` does."""
        self.bin.restore(run_id)
        self._note("evaluation.restored", run_id)

    def empty_bin(self) -> Sequence[str]:
        """Removes all deleted runs for good, see `Bin.empty`."""
        removed = self.bin.empty()
        for run_id in removed:
            self._note("evaluation.removed", run_id)
        return removed

    def discard(self, run_id: str) -> None:
        """Removes a run in which nothing is worth keeping, at once. Raises DatasetError as `delete` does, and OSError."""
        folder = self._any_folder(run_id)
        if folder.path.is_dir():
            owner = folder.own()
            try:
                (folder.path / MANIFEST).unlink(missing_ok=True)  # first, so that no half-deleted run is listed
                shutil.rmtree(folder.path, ignore_errors=True)
            finally:
                owner.release()
            shutil.rmtree(folder.path, ignore_errors=True)  # Windows has kept the file of the lock


def storage_error(root: Path, error: OSError, run_id: str = "") -> DatasetError:
    """The error for a run store at `root` that cannot be written.

    Args:
        run_id: id of the run that was written; "" if none was begun.
    """
    if run_id and not (root / run_id).is_dir():
        return vanished(root / run_id)
    more = f"resume with `python -m dashboard evaluate --resume {in_command(run_id)}`" if run_id else "evaluate again"
    return DatasetError(
        f"The results cannot be written to {root}: {error.strerror or error}.",
        f"{how_to_write_again(error)}, then {more}.",
        "storage",
    )


def vanished(folder: Path) -> DatasetError:
    """The error for a run whose folder was removed while the run was written."""
    return DatasetError(
        f"The folder of this evaluation, {folder}, has vanished while it was written: another program deleted or moved it.",
        "Move it back if you can; otherwise evaluate the dataset again. Once it is back, resume the evaluation with the button "
        f"Resume on its page or with `python -m dashboard evaluate --resume {in_command(folder.name)}`.",
        "run_vanished",
    )


def _changed(path: Path) -> str:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat(timespec="seconds")
    except (OSError, OverflowError, ValueError):
        return datetime.fromtimestamp(0, timezone.utc).isoformat(timespec="seconds")
