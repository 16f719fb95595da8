"""Stores predictions and, if wanted, their images; deletes what is too old."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.core.database.database import Database
from dashboard.core.database.ids import first_id
from dashboard.core.database.text import storable
from dashboard.core.history.entry import Entry

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

_DELETED_AT_ONCE = 5000  # so that others can write in between


def with_hash(entry: Entry) -> Entry:
    """The entry with the hash of its image."""
    if entry.image_sha256 or entry.image is None:
        return entry
    return replace(entry, image_sha256=hashlib.sha256(entry.image).hexdigest())


def write_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Stores predictions without their images. Those that are stored already stay as they are."""
    from dashboard.core.database.tables import predictions

    _insert(connection, predictions, [_row(with_hash(entry)) for entry in entries])


def write_entries_and_images(connection: Connection, entries: Sequence[Entry]) -> None:
    """Stores predictions with their images, each image once. An image that is there already counts as new."""
    from dashboard.core.database.tables import images

    hashed = [with_hash(entry) for entry in entries]
    write_entries(connection, hashed)
    times = {entry.image_sha256: entry.time_utc for entry in hashed}
    data = {entry.image_sha256: entry.image for entry in hashed if entry.image is not None}
    for sha256, content in data.items():
        known = connection.execute(
            images.update().where(images.c.image_sha256 == sha256).values(stored_utc=times[sha256])
        )
        if not known.rowcount:
            _insert(connection, images, [{"image_sha256": sha256, "stored_utc": times[sha256], "data": content}])


def write_run_users(connection: Connection, users: Sequence[tuple[str, str]]) -> None:
    """Stores who started evaluations: run ids and users."""
    from dashboard.core.database.tables import run_users

    _insert(connection, run_users, [{"run_id": run_id, "user": storable(user)} for run_id, user in users])


def delete_before(database: Database, moment: datetime) -> int:
    """Deletes the stored predictions from before a moment; see `History.delete_before`."""
    deleted = 0
    while True:
        with database.writing() as connection:
            some = _delete_some(connection, moment)
            if not some:
                _delete_images(connection, None)
                return deleted
        deleted += some


def tidy(connection: Connection, now_utc: datetime, days: int, image_days: int) -> bool:
    """Deletes predictions and images that are older than so many days; 0 days: none.

    Returns False if older predictions may be left. Then it should be called again, in a transaction of its own.
    """
    if days:
        if _delete_some(connection, now_utc - timedelta(days=days)) == _DELETED_AT_ONCE:
            return False
        _delete_images(connection, None)
    if image_days:
        _delete_images(connection, now_utc - timedelta(days=image_days))
    return True


def _delete_some(connection: Connection, moment: datetime) -> int:
    from sqlalchemy import select

    from dashboard.core.database.tables import predictions

    key = predictions.c.prediction_id
    oldest = select(key).where(key < first_id(moment)).order_by(key).limit(_DELETED_AT_ONCE)
    return connection.execute(predictions.delete().where(key.in_(oldest))).rowcount


def _delete_images(connection: Connection, before: datetime | None) -> None:
    """Deletes the images that were stored before a moment. None: those of neither a prediction nor feedback."""
    from sqlalchemy import exists

    from dashboard.core.database.tables import feedback, images, predictions

    if before is not None:
        connection.execute(images.delete().where(images.c.stored_utc < before))
    else:
        used = [exists().where(table.c.image_sha256 == images.c.image_sha256) for table in (predictions, feedback)]
        connection.execute(images.delete().where(*(~each for each in used)))


def _row(entry: Entry) -> dict[str, Any]:
    row = {name: value for name, value in vars(entry).items() if name != "image"}
    for name in ("user", "file", "model_name", "model_version", "label"):
        row[name] = storable(row[name])
    row["top3"] = [[storable(label), probability] for label, probability in entry.top3]
    return row


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Inserts rows. A row with a key that is there already is left out: it was written by a try that seemed to fail."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as on_postgresql

        connection.execute(on_postgresql(table).on_conflict_do_nothing(), rows)
    else:
        from sqlalchemy.dialects.sqlite import insert as on_sqlite

        connection.execute(on_sqlite(table).on_conflict_do_nothing(), rows)
