"""Values that the dashboard never stored, in an SQLite file that is whole otherwise."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.core.access.audit import AuditLog
from dashboard.core.access.tokens import Tokens
from dashboard.core.database import maintaining
from dashboard.core.database.address import file_address
from dashboard.core.database.database import Database
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.errors import DatabaseError
from dashboard.core.feedback.feedback import Feedback
from dashboard.core.history.answer_cache import AnswerCache
from dashboard.core.history.history import History
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from tests.postgres import settings_of
from tests.recorded import entry

FILE = "dashboard.sqlite3"
DAMAGES = [
    ("predictions", "time_utc", "2026-13-01 00:00:00"), ("predictions", "time_utc", 5), ("predictions", "file", b"\xff"),
    ("predictions", "confidence", "high"), ("predictions", "confidence", float("inf")), ("predictions", "doubt", 7),
    ("predictions", "top3", "[["), ("predictions", "top3", '["cat"]'), ("predictions", "top3", '[["cat", "x"]]'),
    ("predictions", "top3", "null"), ("predictions", "top3", "[" * 100_000), ("feedback", "time_utc", ""),
    ("feedback", "note", b"note"), ("tokens", "scopes", b"predict"), ("audit_log", "detail", b""), ("images", "data", 2**62),
]  # fmt: skip


@pytest.fixture
def database(sqlite_settings: Settings) -> Iterator[Database]:
    """With one record of each kind."""
    database = Database(sqlite_settings)
    history = history_of(database, sqlite_settings)
    prediction = history.record(entry(fit="pad"))
    assert history.close()
    Feedback(database, history).give(prediction, True)
    Tokens(database, WriteBehind(database)).create("camera")
    AuditLog(database).write("ann", "token.created", "camera")
    yield database
    database.close()


def history_of(database: Database, settings: Settings) -> History:
    return History(database, lambda: RunStore(settings.runs_dir), settings_of(settings.data_dir, history_images=True))


def damage(settings: Settings, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(settings.data_dir / FILE)) as connection, connection:
        connection.execute(statement, values)


@pytest.mark.parametrize(("table", "column", "value"), DAMAGES)
def test_a_value_of_another_type_or_form_is_told_and_all_else_can_be_used(
    database: Database, sqlite_settings: Settings, table: str, column: str, value: object
) -> None:
    damage(sqlite_settings, f"UPDATE {table} SET {column} = ?", value)
    history = history_of(database, sqlite_settings)
    uses = {
        "predictions": lambda: history.query(),
        "feedback": lambda: Feedback(database, history).opinions(),
        "tokens": lambda: Tokens(database, WriteBehind(database)).list(),
        "audit_log": lambda: AuditLog(database).list(),
    }
    if table == "images":
        [kept] = history.query().entries
        uses["images"] = lambda: history.image(kept)
    for used, use in uses.items():
        if used != table:
            assert use()
            continue
        with pytest.raises(DatabaseError) as caught:
            use()
        assert caught.value.code == "database_damaged" and f"damaged: {table}.{column} holds" in caught.value.message
        assert "database restore" in caught.value.fix and "all else can be used" in caught.value.message
    if table != "images":  # those are not all read
        with pytest.raises(DatabaseError, match=f"{table}.{column} holds"):
            maintaining.check(database)


def test_a_whole_database_is_counted(database: Database) -> None:
    counted = maintaining.check(database)
    assert {name: count for name, count in counted.items() if count} == {
        "predictions": 1, "images": 1, "feedback": 1, "tokens": 1, "audit_log": 1
    }  # fmt: skip


def test_an_unknown_fit_is_not_known(database: Database, sqlite_settings: Settings) -> None:
    assert [each.fit for each in history_of(database, sqlite_settings).walk()] == ["pad"]
    damage(sqlite_settings, "UPDATE predictions SET fit = 'qad'")
    assert [each.fit for each in history_of(database, sqlite_settings).walk()] == [None]


def test_a_damaged_stored_answer_is_deleted_and_the_others_are_given(
    database: Database, sqlite_settings: Settings
) -> None:
    writer = WriteBehind(database)
    cache = AnswerCache(database, writer, 10)
    for key in "ab":
        cache.put(key, key.encode())
    assert writer.flush(10)
    damage(sqlite_settings, "UPDATE cached_answers SET value = 7 WHERE answer_key = 'a'")
    assert cache.get("a") is None and cache.get("b") == b"b" and cache.figures.damaged == 1
    assert writer.flush(10) and maintaining.check(database)["cached_answers"] == 1
    assert writer.close()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM dashboard_version", "database_damaged"),
        ("INSERT INTO dashboard_version VALUES ('0001')", "database_damaged"),
        ("UPDATE dashboard_version SET version_num = '-1'", "database_damaged"),
        ("UPDATE dashboard_version SET version_num = x'ff'", "database_damaged"),
        ("UPDATE dashboard_version SET version_num = CAST(x'ff' AS TEXT)", "database_damaged"),
        ("UPDATE dashboard_version SET version_num = '0002'", "database_damaged"),  # its step was done already
        ("UPDATE dashboard_version SET version_num = '0999'", "database_newer"),
    ],
)
def test_a_version_that_cannot_be_is_damage(
    database: Database, sqlite_settings: Settings, statement: str, code: str
) -> None:
    database.close()
    damage(sqlite_settings, statement)
    before = (sqlite_settings.data_dir / FILE).read_bytes()
    with pytest.raises(DatabaseError) as caught:
        AuditLog(Database(sqlite_settings)).list()
    assert caught.value.code == code and FILE in caught.value.message
    assert (sqlite_settings.data_dir / FILE).read_bytes() == before


def test_a_backup_with_names_that_are_no_text_is_refused(database: Database, tmp_path: Path) -> None:
    backup = tmp_path / "backup.sqlite3"
    maintaining.back_up(database, backup)
    backup.write_bytes(backup.read_bytes().replace(b"CREATE TABLE predictions", b"CREATE TABLE \xcc\xff\xffdictions"))
    with pytest.raises(DatabaseError, match="Nothing was changed") as caught:
        maintaining.restore(file_address(tmp_path / "other" / FILE), backup)
    assert caught.value.code == "database_damaged" and "\n" not in caught.value.message
