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
        "predictions": lambda: list(history.walk()),
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


@pytest.mark.parametrize(("column", "value"), [each[1:] for each in DAMAGES if each[0] == "predictions"])
def test_a_damaged_prediction_is_told_beside_the_others(
    database: Database, sqlite_settings: Settings, column: str, value: object
) -> None:
    """Each page of the history was refused as a whole, so none of the others on it could be seen."""
    history = history_of(database, sqlite_settings)
    for name in ("b.png", "c.png", "d.png"):
        history.record(entry(file=name))
    assert history.flush(10)
    third, damaged = [each.prediction_id for each in history.query().entries][1:3]
    damage(sqlite_settings, f"UPDATE predictions SET {column} = ? WHERE prediction_id = ?", value, damaged)
    page = history.query()
    assert [each.file for each in page.entries] == ["d.png", "c.png", "a.png"] and page.next_cursor is None
    [told] = page.damaged
    assert f"predictions.{column} holds" in told.message and damaged in told.message
    assert page.note == f"{told.message} {told.fix}"
    left_out: list[DatabaseError] = []
    assert list(history.walk(damaged=left_out)) == list(page.entries)
    assert [each.message for each in left_out] == [told.message]
    first = history.query(limit=3)  # ends with the damaged one
    assert len(first.entries) == 2 and [each.file for each in history.query(cursor=first.next_cursor).entries] == [
        "a.png"
    ]
    assert history.query(limit=2).entries[-1].prediction_id == third and history.close()


def test_a_damaged_user_of_an_evaluation_is_unknown(database: Database, sqlite_settings: Settings) -> None:
    history = history_of(database, sqlite_settings)
    history.record_run("20260101-000000-abc", "ann")
    assert history.close()
    damage(sqlite_settings, "UPDATE run_users SET user = x'ff'")
    assert len(history_of(database, sqlite_settings).query().entries) == 1


def test_damaged_feedback_is_told_beside_the_rest(database: Database, sqlite_settings: Settings) -> None:
    history, told = history_of(database, sqlite_settings), list[DatabaseError]()
    feedback, other = Feedback(database, history), history.record(entry())
    feedback.give(other, True)
    damage(sqlite_settings, "UPDATE feedback SET note = x'ff' WHERE subject <> ?", other)
    assert [each.subject for each in feedback.opinions(damaged=told)] == [other] and len(told) == 1
    asked = [each.prediction_id for each in history.query().entries]
    assert list(feedback.last_words(asked, told)) == [other] and len(told) == 2
    accuracy = feedback.accuracy(damaged=told)
    assert accuracy and accuracy.right and accuracy.right.n == 1 and len(told) == 3
    assert "feedback.note holds" in told[0].message and history.close()


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
