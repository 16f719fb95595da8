"""Backups of the database: an SQLite file is restored, and all is read that the dashboard keeps in it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from dashboard.core.access.audit import AuditLog
from dashboard.core.access.tokens import Tokens
from dashboard.core.database import maintaining, migrating
from dashboard.core.database.address import file_address
from dashboard.core.database.database import Database
from dashboard.core.database.ids import now_utc
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.errors import DashboardError
from dashboard.core.feedback.exporting import feedback_on, write_labels, write_zip
from dashboard.core.feedback.feedback import Feedback
from dashboard.core.history import storing
from dashboard.core.history.answer_cache import AnswerCache
from dashboard.core.history.exporting import write_csv, write_json_lines
from dashboard.core.history.history import History
from dashboard.core.runs.store import RunStore
from dashboard.schemas.audit import AuditRecord
from dashboard.schemas.history import FeedbackRecord, HistoryRecord
from dashboard.schemas.tokens import TokenRecord
from tests.fuzz.parser import Content, Parser
from tests.fuzz.structured import WEIRD_TEXT
from tests.postgres import settings_of
from tests.recorded import at, entry

_FILE, _ANSWER = "dashboard.sqlite3", "a" * 64
_FITS = ("stretch", "center-crop", "pad", None)
_VALUES = (
    None, 0, -1, 2, 2**62, 1.5, float("inf"), 1e308, b"", b"\xff\xfe", b"text", "2026-13-01 00:00:00", "0000-01-01 00:00:00",
    "2026-01-01", "9999-12-31 23:59:59.999999", "[]", "[[]]", '[["cat"]]', '[["cat", "x"]]', "{}", "null", "[[", "predict,",
    *(text for text in WEIRD_TEXT if text.isprintable() and text.encode("utf-8", "ignore") == text.encode("utf-8", "replace")),
)  # fmt: skip
_SCHEMA = (
    "DROP TABLE {table}", "DELETE FROM {table}", "ALTER TABLE {table} DROP COLUMN {column}",
    "ALTER TABLE {table} RENAME COLUMN {column} TO other", "ALTER TABLE {table} ADD COLUMN other TEXT DEFAULT 'x'",
    "ALTER TABLE {table} RENAME TO other", "DELETE FROM dashboard_version", "UPDATE dashboard_version SET version_num = '0002'",
    "UPDATE dashboard_version SET version_num = '9999'", "INSERT INTO dashboard_version VALUES ('0001')",
    "CREATE TRIGGER t BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END",
    "INSERT INTO {table} SELECT * FROM {table}", "PRAGMA user_version = 77", "PRAGMA journal_mode = WAL",
    "UPDATE {table} SET {column} = CAST(x'ff' AS TEXT)",
)  # fmt: skip


def _backup(fill: Callable[[Database], object]) -> bytes:
    """The backup of a database that was filled so."""
    with tempfile.TemporaryDirectory() as place:
        database, target = Database(settings_of(Path(place))), Path(place) / "backup.sqlite3"
        fill(database)
        maintaining.back_up(database, target)
        database.close()
        return target.read_bytes()


def _fill(database: Database) -> None:
    """Ids and times are always the same, and so is the file."""
    from dashboard.core.database import tables

    entries = [
        replace(storing.with_hash(entry(b"image %d" % i)), prediction_id=f"{i:032x}", time_utc=at(i), fit=fit)
        for i, fit in enumerate(_FITS)
    ]
    said = {
        "time_utc": at(9), "predicted_label": "cat", "confidence": 0.7, "model_name": "pets", "model_version": "1", "file": "a.png"
    }  # fmt: skip
    right, wrong = (
        {**said, "feedback_id": f"{i:032x}", "subject": each.prediction_id, "image_sha256": each.image_sha256}
        for i, each in enumerate(entries[:2])
    )
    rows = {
        tables.feedback: [
            {**right, "user": "ann", "is_right": True, "true_label": "cat", "note": "", "doubt": False},
            {**wrong, "user": "bob", "is_right": False, "true_label": "dog", "note": "a note", "doubt": None},
        ],
        tables.tokens: [
            {"token_id": "1" * 32, "name": "camera", "prefix": "cd_abcdef", "secret_sha256": "b" * 64,
             "scopes": "predict,evaluate", "created_utc": at(0), "expires_utc": None, "revoked_utc": at(2), "last_used_utc": at(1)},
        ],
        tables.audit_log: [
            {"audit_id": "2" * 32, "time_utc": at(0), "user": "ann", "action": "token.created", "subject": "camera", "detail": ""},
        ],
        tables.cached_answers: [
            {"answer_key": _ANSWER, "value": b"answer", "value_sha256": hashlib.sha256(b"answer").hexdigest(), "size_bytes": 306,
             "used_utc": at(3)},
        ],
    }  # fmt: skip
    with database.writing() as connection:
        storing.write_entries_and_images(connection, entries)
        storing.write_run_users(connection, [("20260301-120000-abc", "ann")])
        for table, values in rows.items():
            connection.execute(table.insert(), values)


def _fill_as_at_first(database: Database) -> None:
    """The tables of the first version: opening the restored file does the steps since then."""
    from sqlalchemy import text

    from dashboard.core.database.tables import metadata

    with database.writing() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE dashboard_version"))
        with patch.object(migrating, "HEAD", "0001"):
            migrating.do_steps(connection, None, "the seed")
        connection.execute(text(
            "INSERT INTO predictions (prediction_id, time_utc, source, \"user\", file, model_name, model_version, "
            "model_sha256, image_sha256, label, confidence, top3) VALUES ('0123', '2026-01-01 00:00:00', 'api', 'ann', "
            "'a.png', 'pets', '1', 'ab', 'cd', 'cat', 0.5, '[[\"cat\", 0.5]]')"
        ))  # fmt: skip


def _history(database: Database) -> History:
    settings = settings_of(Path("nowhere"))
    return History(database, lambda: RunStore(settings.runs_dir), settings)


def _read(data: bytes, folder: Path) -> Content:
    backup, file = folder / "backup.sqlite3", folder / "data" / _FILE
    backup.write_bytes(data)
    maintaining.restore(file_address(file), backup)
    database = Database(settings_of(file.parent))
    history = _history(database)
    feedback, writer = Feedback(database, history), WriteBehind(database)
    faults = []
    for use in (
        lambda: maintaining.check(database),
        lambda: _read_history(history),
        lambda: _read_feedback(feedback, history),
        lambda: [json.dumps(TokenRecord.of(each).model_dump()) for each in Tokens(database, writer).list()],
        lambda: [json.dumps(AuditRecord.of(each).model_dump()) for each in AuditLog(database).list()],
        lambda: AnswerCache(database, writer, 10).get(_ANSWER),
        lambda: AnswerCache(database, writer, 10).size_bytes(),
        lambda: _write(database, history),
    ):
        try:
            use()
        except DashboardError as error:  # the others must not raise anything else all the same
            faults.append(error)
    writer.close()
    history.close()
    database.close()
    if faults:
        raise faults[0]
    return frozenset()


def _read_history(history: History) -> None:
    entries = history.query(limit=50).entries
    for each in entries:
        json.dumps(HistoryRecord.of(each, feedback_on((), "")).model_dump(), allow_nan=False).encode()
        history.image(each)
    history.count()
    write_csv(entries, io.BytesIO(), feedback_on((), ""))
    write_json_lines(history.walk(), io.BytesIO(), feedback_on((), ""))


def _read_feedback(feedback: Feedback, history: History) -> None:
    opinions = feedback.opinions()
    for each in opinions:
        json.dumps(FeedbackRecord.of(each).model_dump(), allow_nan=False).encode()
    feedback.accuracy()
    write_labels(opinions, io.BytesIO())
    if opinions:  # else it says that there are none
        write_zip(opinions, history, io.BytesIO())


def _write(database: Database, history: History) -> None:
    AuditLog(database).write("ann", "restored", "backup")
    with database.writing() as connection:
        storing.write_entries_and_images(connection, [storing.with_hash(entry(b"new"))])
        storing.tidy(connection, now_utc(), 365, 30)
    history.delete_before(at(1))


def _cells(rng: random.Random, data: bytes) -> bytes:
    """A value of another type or form, or another table, written by SQLite itself: the file is whole."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / _FILE
        path.write_bytes(data)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for _ in range(rng.choice((1, 1, 2, 4))):
                table = rng.choice(tables)
                columns = [f'"{row[1]}"' for row in connection.execute(f"PRAGMA table_info({table})")] or ["x"]
                column = rng.choice(columns)
                with contextlib.suppress(sqlite3.Error):  # such as a key that is there twice
                    if rng.random() < 0.2:
                        connection.execute(rng.choice(_SCHEMA).format(table=table, column=column))
                    else:
                        changed = f"UPDATE {table} SET {column} = ? WHERE rowid % ? = 0"
                        connection.execute(changed, (rng.choice(_VALUES), rng.choice((1, 2))))
        return path.read_bytes()


PARSERS: Sequence[Parser] = (
    Parser("database-backup", lambda: [_backup(_fill), _backup(_fill_as_at_first)], _read, (_cells, _cells)),
)
