"""The bin of a run store: deleted runs can be restored for 7 days.

Deleting renames the folder of a run to `.bin/TIME/RUN_ID`. That needs no space, so it also works on a full disk, and
the time is part of the name, so no file has to be written.
"""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.core.errors import DatasetError
from dashboard.core.runs.folder import BIN, DAYS_KEPT, RunFolder
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.shell import in_command

_DAY_S = 86_400


@dataclass(frozen=True)
class DeletedRun:
    """A run in the bin."""

    run_id: str
    deleted_utc: str  # ISO 8601
    days_left: int  # 1 to 7; 0: it is removed at the next chance
    manifest: RunManifest | None  # None: it is damaged
    path: Path  # of its folder


class Bin:
    """The deleted runs of the store at `root`. A visitor sees and restores those that they may change."""

    def __init__(self, root: Path, visitor: Visitor = OPERATOR) -> None:
        self._root, self._path, self._visitor = root, root / BIN, visitor

    def add(self, folder: Path) -> None:
        """Moves the folder of a run into the bin. Raises OSError."""
        now = self._now()
        while (place := self._path / str(now)).joinpath(folder.name).exists():
            now += 1
        place.mkdir(parents=True, exist_ok=True)
        folder.rename(place / folder.name)

    def list(self) -> Sequence[DeletedRun]:
        """The deleted runs, the last one first."""
        found = []
        for deleted_at, path in self._own_entries():
            manifest = None
            with contextlib.suppress(DatasetError):
                manifest = RunFolder(path).manifest()
            when = datetime.fromtimestamp(deleted_at, timezone.utc).isoformat(timespec="seconds")
            left = math.ceil(DAYS_KEPT - self._age_s(deleted_at) / _DAY_S)
            found.append(DeletedRun(path.name, when, max(0, left), manifest, path))
        return found

    def restore(self, run_id: str) -> None:
        """Moves a run back into the store; of several with this id, the one that was deleted last.

        Raises:
            DatasetError: `run_unknown` if the bin has no such run, `run_exists` if the store has a run with this id.
            OSError: the folder cannot be renamed.
        """
        unknown = DatasetError(
            f"There is no deleted evaluation {run_id!r}.",
            "See which there are with `python -m dashboard runs list --deleted`.",
            "run_unknown",
        )
        path = next((path for _, path in self._own_entries() if path.name == run_id), None)
        if path is None:
            raise unknown
        if (self._root / run_id).exists():
            raise DatasetError(
                f"There is an evaluation {run_id!r} already, so the deleted one with this id cannot be restored.",
                f"Delete that one first with `python -m dashboard runs delete {in_command(run_id)}`; both are kept in the bin.",
                "run_exists",
            )
        try:
            path.rename(self._root / run_id)
        except FileNotFoundError:  # somebody else has just restored it
            raise unknown from None
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # only if no other run was deleted in the same second

    def remove_old(self) -> None:
        """Removes the runs that were deleted more than 7 days ago. One that cannot be removed stays, with a warning."""
        for deleted_at, path in self._entries():
            if self._age_s(deleted_at) >= DAYS_KEPT * _DAY_S:
                self._remove(path)

    def empty(self) -> Sequence[str]:
        """Removes all deleted runs and returns their ids. One that cannot be removed stays, with a warning."""
        return [path.name for _, path in self._entries() if self._remove(path)]

    def _own_entries(self) -> Sequence[tuple[int, Path]]:
        return [each for each in self._entries() if RunFolder(each[1], self._visitor).may_change()]

    def _remove(self, path: Path) -> bool:
        try:
            shutil.rmtree(path)
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        except OSError as error:
            logging.getLogger(__name__).warning("The deleted run %s could not be removed: %s", path, error)
            return False
        return True

    def _entries(self) -> Sequence[tuple[int, Path]]:
        """The time of deletion (seconds since 1970) and the folder of each deleted run, the last one first."""
        with contextlib.suppress(OSError):  # there is no bin, or nobody may read it
            return sorted(self._found(), reverse=True)
        return []

    def _found(self) -> Iterator[tuple[int, Path]]:
        for place in self._path.iterdir():
            if place.name.isdecimal() and len(place.name) <= 11:  # until the year 5138
                with contextlib.suppress(OSError):  # it is no folder, or nobody may read it
                    yield from [(int(place.name), path) for path in place.iterdir()]

    def _age_s(self, deleted_at: int) -> int:
        """The seconds since a deletion; 0 if the clock was set back since."""
        return max(0, int(time.time()) - deleted_at)

    def _now(self) -> int:
        """The present time in seconds, but not before the last change in the store.

        If the clock was set back before a deletion, the true time would otherwise seem to be much later when the clock
        is right again, and the run would be removed too early.
        """
        changes = [int(time.time())]
        with contextlib.suppress(OSError):
            changes += [int(path.stat().st_mtime) for path in (self._root, *self._root.iterdir())]
        return max([*changes, *(deleted_at for deleted_at, _ in self._entries())])
