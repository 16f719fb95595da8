"""The history: every prediction, with its time, source, user, model and image."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from dashboard.core.database.database import Database
from dashboard.core.database.ids import now_utc
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.errors import DashboardError, DatabaseError, DatasetError
from dashboard.core.history import storing
from dashboard.core.history.entry import Entry, HistoryFilter, Page
from dashboard.core.history.prediction_ids import place_in_run
from dashboard.core.images.preprocessing import FIT_NAMES
from dashboard.core.models.registry import Registry

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from dashboard.core.history.run_rows import RunRows, RunState
    from dashboard.core.runs.store import RunStore
    from dashboard.core.settings import Settings

_AT_ONCE = 1000
_CURSOR = re.compile(r"[0-9a-f]{32}|([0-9a-f]{12}):([^/]{1,100}):(\d{1,12})")
_ALL = HistoryFilter()
_JUST_MADE_S = 5.0  # how long a question about a prediction waits for its record
_TIDY_EACH_S = 3600.0
HOW_TO_KEEP_IMAGES = (
    "To keep the images of later predictions, set the environment variable DASHBOARD_HISTORY_IMAGES to true and start the "
    "dashboard again."
)


class History:
    """The predictions. Thread-safe. All methods but the recording ones raise DatabaseError if there is no database."""

    def __init__(
        self, database: Database, runs: Callable[[], RunStore], settings: Settings, log_level: int = logging.WARNING
    ) -> None:
        """
        Args:
            runs: gives the store of the evaluations. It is asked late, since it needs pandas.
            log_level: see `WriteBehind`.
        """
        self._database, self._runs, self._settings = database, runs, settings
        self._registry = Registry.of(settings)
        self._writer = WriteBehind(database, log_level=log_level)
        self._tidied: float | None = None  # when old records were last deleted

    @property
    def keeps_images(self) -> bool:
        """Whether the images of single predictions are kept."""
        return self._settings.history_images

    @property
    def written(self) -> int:
        """Records that this process has stored."""
        return self._writer.written

    @property
    def dropped(self) -> int:
        """Records that are lost: they found no place in the queue, or were refused."""
        return self._writer.dropped

    @property
    def waiting(self) -> int:
        """Records that are not stored yet."""
        return self._writer.waiting

    @property
    def last_error(self) -> DashboardError | None:
        """Why the last try to store something failed; None after one that succeeded."""
        return self._writer.last_error

    def record(self, entry: Entry) -> str:
        """Stores a prediction soon, and returns its id at once. Never raises; what is lost is counted."""
        size = len(entry.image or b"")
        if size and not self._writer.has_place(size):  # then at least the prediction
            entry, size = replace(storing.with_hash(entry), image=None), 0
        self._writer.put(self._store, entry, size)
        return entry.prediction_id

    def record_run(self, run_id: str, user: str) -> None:
        """Stores soon who started an evaluation. Its predictions are read from its run. Never raises."""
        self._writer.put(storing.write_run_users, (run_id, user))

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until all that was recorded is stored; False if it took longer than `timeout` seconds."""
        return self._writer.flush(timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """Stores the waiting records, and accepts no more. False if some of them were lost."""
        return self._writer.close(timeout)

    def get(self, prediction_id: str) -> Entry:
        """A prediction. Raises DashboardError with the code `prediction_unknown` if there is none."""
        from dashboard.core.database.tables import predictions

        if place := place_in_run(prediction_id):
            found = self._of_run(*place)
        else:
            asked = predictions.select().where(predictions.c.prediction_id == prediction_id[:64])
            may_come = self._writer.waiting  # asked before the row, which may be written meanwhile
            row = self._one(asked)
            if row is None and may_come and self.flush(_JUST_MADE_S):
                row = self._one(asked)
            found = None if row is None else _entry(row)
        if found is None:
            raise DashboardError(
                f"The history has no prediction {prediction_id[:64]!r}.",
                "Check the id; it may also have been deleted since.",
                "prediction_unknown",
            )
        return found

    def image(self, entry: Entry) -> bytes | None:
        """The image file of a prediction; None if it is not kept, or is gone from the dataset."""
        return self.image_of(entry.prediction_id, entry.file, entry.image_sha256)

    def image_of(self, prediction_id: str, file: str, image_sha256: str) -> bytes | None:
        """As `image`, also of a prediction that was deleted."""
        from dashboard.core.database.tables import images
        from dashboard.core.history.run_rows import image_of

        if place := place_in_run(prediction_id):
            return image_of(self._runs(), *place, file)
        row = self._one(images.select().where(images.c.image_sha256 == image_sha256))
        return None if row is None else bytes(row.data)

    def at_hand(self, predictions: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether the image of each prediction is probably at hand: it is kept, or its dataset is there. None is read.

        Args:
            predictions: the id of each, and the hash of its image.
        """
        from sqlalchemy import select

        from dashboard.core.database.tables import images
        from dashboard.core.history.run_rows import has_dataset

        places = [place_in_run(prediction_id) for prediction_id, _ in predictions]
        runs_there = {run_id: has_dataset(self._runs(), run_id) for run_id in {place[0] for place in places if place}}
        waiting = iter({sha256 for place, (_, sha256) in zip(places, predictions, strict=True) if not place})
        kept: set[str] = set()
        while some := list(islice(waiting, _AT_ONCE)):
            asked = select(images.c.image_sha256).where(images.c.image_sha256.in_(some))
            with self._database.reading() as connection:
                kept.update(connection.execute(asked).scalars())
        return [
            runs_there[place[0]] if place else sha256 in kept
            for place, (_, sha256) in zip(places, predictions, strict=True)
        ]

    def run_states(self, run_ids: Iterable[str]) -> dict[str, RunState]:
        """Whether each of these evaluations can still be read, and if not, why."""
        from dashboard.core.history.run_rows import state_of

        return {run_id: state_of(self._runs(), run_id) for run_id in run_ids}

    def query(self, asked: HistoryFilter = _ALL, limit: int = 50, cursor: str | None = None) -> Page:
        """Predictions that pass a filter, the newest first. Those that are added meanwhile do not move the pages.

        Args:
            cursor: `next_cursor` of the page before. Raises DashboardError if it is none.
        """
        found = list(islice(self._walk(asked, cursor, min(limit + 1, _AT_ONCE)), limit + 1))
        next_cursor = found[limit - 1][0] if len(found) > limit else None
        page = [entry for _, entry in found[:limit]]
        return Page(
            tuple(entry for entry in page if isinstance(entry, Entry)), next_cursor, asked.left_out,
            tuple(error for error in page if isinstance(error, DatabaseError)),
        )  # fmt: skip

    def walk(self, asked: HistoryFilter = _ALL, damaged: list[DatabaseError] | None = None) -> Iterator[Entry]:
        """All predictions that pass a filter, the newest first.

        Args:
            damaged: gets the errors of those that cannot be read; None: the first of them is raised.
        """
        for _, entry in self._walk(asked, None, _AT_ONCE):
            if not isinstance(entry, DatabaseError):
                yield entry
            elif damaged is None:
                raise entry
            else:
                damaged.append(entry)

    def count(self, asked: HistoryFilter = _ALL) -> int:
        """How many predictions pass a filter."""
        from sqlalchemy import func, select

        from dashboard.core.database.tables import predictions
        from dashboard.core.history.conditions import conditions

        counting = select(func.count()).select_from(predictions).where(*conditions(asked))
        with self._database.reading() as connection:
            stored = int(connection.execute(counting).scalar_one())
        return stored + sum(rows.count() for rows in self._run_rows(asked))

    def delete_before(self, moment: datetime) -> int:
        """Deletes the stored predictions from before a moment, and images that are no longer needed.

        Returns the number of these predictions.

        The predictions of an evaluation go when the evaluation is deleted.
        """
        return storing.delete_before(self._database, moment)

    def tidy(self) -> None:
        """Deletes all predictions and images that are older than the settings say, as recording does once an hour.

        A server does it when it starts, because it may record nothing for a long time.
        """
        file = self._database.address.file
        if file is not None and not file.exists():
            return  # so that a server without a history needs no database
        while not self._is_tidy():
            with self._database.writing() as connection:
                self._tidy_some(connection)

    def _is_tidy(self) -> bool:
        return self._tidied is not None and time.monotonic() <= self._tidied + _TIDY_EACH_S

    def _tidy_some(self, connection: Connection) -> None:
        if storing.tidy(connection, now_utc(), self._settings.history_days, self._settings.history_image_days):
            self._tidied = time.monotonic()

    def _store(self, connection: Connection, entries: Sequence[Entry]) -> None:
        keeps_images = self._settings.history_images
        write = storing.write_entries_and_images if keeps_images else storing.write_entries
        write(connection, entries)
        if not self._is_tidy():
            self._tidy_some(connection)

    def _walk(
        self, asked: HistoryFilter, cursor: str | None, at_once: int
    ) -> Iterator[tuple[str, Entry | DatabaseError]]:
        """Predictions with their cursors, or why one cannot be read. A run is one block, after the stored predictions of the same millisecond."""
        last_time, last_run, last_index, below = _place_of(cursor)
        for rows in self._run_rows(asked):
            run = rows.time, rows.manifest.run_id
            if run[0] > last_time or (last_run and run > (last_time, last_run)):
                continue
            begin = run[0].ljust(32, "0")
            yield from self._stored(asked, begin, below, at_once)
            below = min(below, begin)
            index = last_index if run == (last_time, last_run) else None
            for entry in rows.newest_first(index):
                yield f"{rows.time}:{entry.prediction_id}", entry
        yield from self._stored(asked, "", below, at_once)

    def _stored(
        self, asked: HistoryFilter, least: str, below: str, at_once: int
    ) -> Iterator[tuple[str, Entry | DatabaseError]]:
        """Stored predictions with least <= id < below, the newest first."""
        from dashboard.core.database.tables import predictions
        from dashboard.core.history.conditions import conditions

        key = predictions.c.prediction_id
        asking = predictions.select().where(*conditions(asked), key >= least).order_by(key.desc()).limit(at_once)
        while below > least:
            rows = self._database.rows(asking.where(key < below), key)
            yield from ((each, row if isinstance(row, DatabaseError) else _entry(row)) for each, row in rows)
            if len(rows) < at_once:
                return
            below = rows[-1][0]

    def _run_rows(self, asked: HistoryFilter) -> list[RunRows]:
        from dashboard.core.database.tables import run_users
        from dashboard.core.history.run_rows import runs_asked_for

        key = run_users.c.run_id
        rows = self._database.rows(run_users.select().order_by(key), key)
        users = {run_id: row.user for run_id, row in rows if not isinstance(row, DatabaseError)}  # else unknown
        return runs_asked_for(self._runs(), self._registry, users, asked)

    def _of_run(self, run_id: str, index: int) -> Entry | None:
        from dashboard.core.database.tables import run_users
        from dashboard.core.history.run_rows import one_row

        row = self._one(run_users.select().where(run_users.c.run_id == run_id[:64]))
        try:
            return one_row(self._runs(), self._registry, run_id, index, row.user if row else "")
        except DatasetError:
            return None

    def _one(self, asked: Any) -> Row[Any] | None:
        with self._database.reading() as connection:
            return connection.execute(asked).one_or_none()


def _place_of(cursor: str | None) -> tuple[str, str, int | None, str]:
    """What a cursor says: time, run and index of the last prediction, and the id below which the stored ones go on."""
    if cursor is None:
        return "g", "", None, "g"  # after all hex digits
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise DashboardError(
            "This cursor does not come from the history.",
            "Begin at the first page, without a cursor.",
            "cursor",
        )
    if found[1] is None:
        return cursor[:12], "", None, cursor
    return found[1], found[2], int(found[3]), found[1].ljust(32, "0")


def _entry(row: Row[Any]) -> Entry:
    known_fit = row.fit if row.fit in FIT_NAMES else None  # the file may be damaged
    return Entry(**{**row._mapping, "fit": known_fit})
