"""The store of runs. A run is one evaluation of one dataset by one model version, in a folder of its own."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from dashboard.core.errors import DatasetError
from dashboard.core.files import disk_is_full
from dashboard.core.runs.folder import MANIFEST, RunFolder
from dashboard.core.runs.locks import locked
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.owner import RunOwner

_BEGINNING = ".beginning.lock"


class RunStore:
    """All runs. Each is a folder below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, run_id: str) -> RunFolder:
        """The folder of a run, which need not exist. Raises DatasetError if the id is not a possible folder name."""
        if not run_id or run_id != Path(run_id).name or run_id.startswith("."):
            raise DatasetError(f"{run_id!r} is not the id of a run.", code="run_unknown")
        return RunFolder(self.root / run_id)

    def list(self) -> list[RunManifest]:
        """The manifests of all runs, newest first."""
        found = []
        for path in self.root.glob(f"*/{MANIFEST}"):
            with contextlib.suppress(DatasetError):
                found.append(self.folder(path.parent.name).manifest())
        return sorted(found, key=lambda m: m.created_utc, reverse=True)

    def same_as(self, key: str) -> RunManifest | None:
        """The newest finished run with this key that has all its rows."""
        return self._newest(key, lambda m: m.state == "finished" and self._is_whole(m))

    def under_way(self, key: str) -> RunManifest | None:
        """The newest run with this key that some process works on."""
        return self._newest(key, lambda m: self.folder(m.run_id).state(m) == "running")

    def interrupted(self, key: str, dataset: Path) -> RunManifest | None:
        """The newest unfinished run with this key and dataset path that no process works on."""
        return self._newest(
            key,
            lambda m: m.dataset == str(dataset) and m.state != "finished" and not self.folder(m.run_id).is_owned(),
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
            attributes: see `RunFolder.keep_attributes`.
        """
        folder = self.folder(manifest.run_id)
        folder.path.mkdir(parents=True)
        owner = folder.own()  # before the manifest makes the run visible
        try:
            if attributes is not None:
                folder.keep_attributes(attributes)
            folder.save(manifest)
        except BaseException:
            owner.release()
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        return owner

    def delete(self, run_id: str) -> None:
        """Removes a run and its rows. Raises DatasetError with the code `run_in_use` while a process works on it."""
        folder = self.folder(run_id)
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
        run_id: id of a run that the user can resume.
    """
    more = f"resume with `python -m dashboard evaluate --resume {run_id}`" if run_id else "evaluate again"
    fix = "Free some space" if disk_is_full(error) else "Give the dashboard's user permission to write there"
    return DatasetError(
        f"The results cannot be written to {root}: {error.strerror or error}.", f"{fix}, then {more}.", "storage"
    )
