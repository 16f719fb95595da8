"""The database on both kinds of servers: tables, locks, damage, and several processes."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, inspect, text

from dashboard.core.access.audit import AuditLog
from dashboard.core.database import limited_connection, maintaining, migrating, opening
from dashboard.core.database.address import file_address, read_address
from dashboard.core.database.database import Database
from dashboard.core.database.faults import as_database_error
from dashboard.core.database.migrating import HEAD, do_steps, scripts, version_of
from dashboard.core.database.tables import audit_log, metadata
from dashboard.core.errors import DatabaseError, commands_in
from dashboard.core.feedback.feedback import Feedback
from dashboard.core.history.history import History
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from tests.conftest import ROOT
from tests.postgres import PASSWORD, Postgres, program, settings_of
from tests.recorded import entry

FILE = "dashboard.sqlite3"


def add(database: Database, audit_id: str) -> None:
    with database.writing() as connection:
        connection.execute(text(
            "INSERT INTO audit_log (audit_id, time_utc, \"user\", action, subject, detail) "
            "VALUES (:id, '2026-01-01 00:00:00', '', 'tried', '', '')"
        ), {"id": audit_id})  # fmt: skip


def ids(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(audit_log.select().order_by(audit_log.c.audit_id)).scalars())


def structure(connection: Connection) -> list[object]:
    """The tables with their columns, keys and indexes, as the database tells them."""
    told, names = inspect(connection), sorted([*metadata.tables, "dashboard_version"])
    columns = [
        (name, each["name"], str(each["type"]), each["nullable"]) for name in names for each in told.get_columns(name)
    ]
    keys = [(name, told.get_pk_constraint(name)["constrained_columns"], told.get_foreign_keys(name)) for name in names]
    indexes = [(name, sorted(map(str, told.get_indexes(name)))) for name in names]
    return [columns, keys, indexes]


def test_the_steps_make_the_tables_that_the_program_uses(database: Database) -> None:
    with database.writing() as connection:
        new = structure(connection)
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE dashboard_version"))
        do_steps(connection, None, "test")
        options = {"version_table": "dashboard_version", "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        assert structure(connection) == new and version_of(connection) == HEAD
    assert scripts().get_current_head() == HEAD


def make_as_of(connection: Connection, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces all tables by those that the steps up to this one make."""
    metadata.drop_all(connection)
    connection.execute(text("DROP TABLE dashboard_version"))
    monkeypatch.setattr(migrating, "HEAD", head)
    do_steps(connection, None, "test")
    monkeypatch.undo()


def test_feedback_from_before_its_doubt_was_kept_takes_it_from_the_prediction(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Database(settings)
    with old.writing() as connection:
        make_as_of(connection, "0002", monkeypatch)
        connection.execute(text(
            "INSERT INTO predictions (prediction_id, time_utc, source, \"user\", file, model_name, model_version, "
            "model_sha256, image_sha256, label, confidence, top3, doubt) VALUES ('a', '2026-01-01 00:00:00', 'api', '', '', "
            "'pets', '1', '', '', 'cat', 0.5, '[]', :yes)"
        ), {"yes": True})  # fmt: skip
        for subject in ("a", "run:1"):
            connection.execute(text(
                "INSERT INTO feedback (feedback_id, time_utc, subject, \"user\", is_right, true_label, note, predicted_label, "
                "confidence, model_name, model_version, file, image_sha256) VALUES (:id, '2026-01-01 00:00:00', :id, '', :no, "
                "'none of these', '', 'cat', 0.5, 'pets', '1', '', '')"
            ), {"id": subject, "no": False})  # fmt: skip
    old.close()
    database = Database(settings)
    history = History(database, lambda: RunStore(settings.runs_dir), settings)
    words = Feedback(database, history).opinions()
    assert {word.subject: (word.doubt, word.agrees_on_none) for word in words} == {
        "a": (True, True),
        "run:1": (None, False),
    }
    assert history.close(2)
    database.close()


def test_predictions_from_before_their_fit_was_kept_are_still_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Database(settings)
    with old.writing() as connection:
        make_as_of(connection, "0001", monkeypatch)
        assert "fit" not in {each["name"] for each in inspect(connection).get_columns("predictions")}
        connection.execute(text(
            "INSERT INTO predictions (prediction_id, time_utc, source, \"user\", file, model_name, model_version, "
            "model_sha256, image_sha256, label, confidence, top3) VALUES (:id, '2026-01-01 00:00:00', 'api', '', '', 'pets', "
            "'1', '', '', 'cat', 0.5, '[]')"
        ), {"id": "0" * 32})  # fmt: skip
    old.close()
    database = Database(settings)
    history = History(database, lambda: RunStore(settings.runs_dir), settings)
    new = history.record(entry(fit="pad"))
    assert history.flush(10)
    assert [(each.prediction_id, each.fit) for each in history.walk()] == [(new, "pad"), ("0" * 32, None)]
    with database.reading() as connection:
        assert version_of(connection) == HEAD
    assert history.close(2)
    database.close()


def test_what_was_written_is_there_when_it_is_opened_again(settings: Settings) -> None:
    first = Database(settings)
    add(first, "a")
    first.close()
    again = Database(settings)
    assert ids(again) == ["a"]
    again.close()


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(text("INSERT INTO run_users VALUES ('r', 'u')"))
        raise ZeroDivisionError
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM run_users")).scalar() == 0


MIGRATES = """
import sys
from pathlib import Path
from pydantic import SecretStr
from dashboard.core.database.database import Database
from dashboard.core.database.faults import as_database_error
from dashboard.core.settings import Settings
settings = Settings(data_dir=Path(sys.argv[1]), database_url=SecretStr(sys.argv[2]))
import dashboard.core.database.opening, alembic.config, sqlalchemy
sys.stdin.readline()
with Database(settings).writing() as connection:
    connection.exec_driver_sql(f"INSERT INTO run_users VALUES ('{sys.argv[3]}', '')")
"""


def test_processes_that_start_at_once_make_the_tables_once(settings: Settings) -> None:
    url = settings.database_url.get_secret_value()
    command = [sys.executable, "-c", MIGRATES, str(settings.data_dir), url]
    processes = [
        subprocess.Popen([*command, str(i)], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for i in range(3)
    ]
    time.sleep(1.5)  # until all have imported what they need
    for process in processes:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], told
    database = Database(settings)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM run_users")).scalar() == 3
        assert connection.execute(text("SELECT count(*) FROM dashboard_version")).scalar() == 1
    database.close()


def test_a_database_of_a_newer_program_is_refused(settings: Settings) -> None:
    database = Database(settings)
    with database.writing() as connection:
        connection.execute(text("UPDATE dashboard_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DatabaseError) as caught, database.reading():
        pass
    assert caught.value.code == "database_newer" and "9999" in caught.value.message


def test_many_threads_write_and_nothing_is_lost(settings: Settings) -> None:
    usual_s = Settings.model_fields["database_lock_s"].default  # tests wait for a lock only a moment
    database = Database(settings.model_copy(update={"database_lock_s": usual_s}))
    add(database, "first")
    names = [f"{thread}-{i}" for thread in range(8) for i in range(10)]
    faults: list[Exception] = []

    def write(mine: list[str]) -> None:
        try:
            for name in mine:
                add(database, name)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(names[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == [] and ids(database) == sorted([*names, "first"])
    database.close()


def test_sqlite_is_set_up_for_one_writer_and_many_readers(sqlite_settings: Settings) -> None:
    database = Database(sqlite_settings)
    with database.writing() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "mmap_size", "busy_timeout")
        }
        with database.reading() as reader:  # while another one writes
            assert reader.execute(text("SELECT count(*) FROM tokens")).scalar() == 0
    assert pragmas["journal_mode"] == "wal" and pragmas["synchronous"] == 2 and pragmas["foreign_keys"] == 1
    assert not pragmas["mmap_size"] and pragmas["busy_timeout"] == 300
    database.close()


def test_a_locked_file_is_an_error_after_a_while_and_works_again_later(sqlite_settings: Settings) -> None:
    database = Database(sqlite_settings)
    add(database, "a")
    other = sqlite3.connect(sqlite_settings.data_dir / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError) as caught:
        add(database, "b")
    assert caught.value.code == "database_locked" and caught.value.fix
    assert ids(database) == ["a"]
    other.execute("ROLLBACK")
    other.close()
    add(database, "b")
    assert ids(database) == ["a", "b"]
    database.close()


def damaged_page(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for at in range(2 * 4096, len(data), 4096):
        data[at : at + 64] = os.urandom(64)
    file.write_bytes(data)


@pytest.mark.parametrize("ending", ["", "-wal", ".in-use", ".writer"])
@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("/dev/zero")], ids=["folder", "zeros"])
def test_what_is_no_file_is_named_with_the_way_out(
    sqlite_settings: Settings, ending: str, make: Callable[[Path], object]
) -> None:
    database = Database(sqlite_settings)
    add(database, "earlier")
    database.close()
    path = sqlite_settings.data_dir / f"{FILE}{ending}"
    path.unlink(missing_ok=True)
    make(path)
    with pytest.raises(DatabaseError, match=r"A folder, not a file|Not a regular file") as caught:
        add(database, "a")
    assert caught.value.fix.startswith(f"Remove {path}, which should be a file.")
    assert caught.value.message.count(str(path)) <= 1
    database.close()


@pytest.mark.parametrize(
    "damage",
    [
        damaged_page,
        lambda file: file.write_bytes(b"This is no database at all. " * 400),
        lambda file: file.write_bytes(file.read_bytes()[:-20_000]),
    ],
    ids=["pages", "other file", "cut"],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(sqlite_settings: Settings, damage: object) -> None:
    file = sqlite_settings.data_dir / FILE
    database = Database(sqlite_settings)
    add(database, "a")
    database.close()
    assert callable(damage)
    damage(file)
    before = file.read_bytes()
    with pytest.raises(DatabaseError) as caught:
        add(database, "b")
    error = caught.value
    assert error.code == "database_damaged" and str(file) in error.message
    assert "database restore" in error.fix and "move the file" in error.fix
    assert file.read_bytes() == before
    file.rename(file.with_suffix(".damaged"))  # the way out works, also without a restart
    time.sleep(2.1)
    add(database, "c")
    assert ids(database) == ["c"]
    database.close()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DatabaseError) as caught:
        add(Database(settings_of(tmp_path / "file" / "data")), "a")
    assert caught.value.code == "database_unavailable" and str(tmp_path) in caught.value.message


def test_a_file_that_is_replaced_while_it_is_open_is_opened_again(sqlite_settings: Settings) -> None:
    file = sqlite_settings.data_dir / FILE
    database = Database(sqlite_settings)
    add(database, "a")
    file.rename(file.with_suffix(".moved"))
    add(database, "b")
    assert ids(database) == ["b"]
    database.close()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT audit_id FROM audit_log").fetchall() == [("b",)]
    connection.close()


@pytest.mark.parametrize(
    "url, kind",
    [
        ("postgresql://me:s3cret@host/db", "postgresql+psycopg"),
        ("postgres://me:s3cret@host/db", "postgresql+psycopg"),
        ("postgresql+psycopg2://me:s3cret@host/db", "postgresql+psycopg"),
        ("sqlite:////tmp/x.sqlite3", "sqlite+pysqlite"),
    ],
)
def test_urls_as_hosts_of_databases_write_them(url: str, kind: str) -> None:
    address = read_address(url)
    assert address.url.drivername == kind
    assert "s3cret" not in f"{address} {address!r} {address.name}"


@pytest.mark.parametrize(
    "url", ["mysql://me:s3cret@host/db", "me:s3cret@host", "postgresql://me:s3cret@host:port/db", "sqlite://"]
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        read_address(url)
    error = caught.value
    assert error.code == "database_url" and "DATABASE_URL" in str(error)
    assert "s3cret" not in f"{error} {error.__cause__}"
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("variable", ["DASHBOARD_DATABASE_URL", "DATABASE_URL"])
def test_the_setting_that_is_wrong_is_the_one_that_is_named(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHBOARD_DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", "mysql://x/y")
    monkeypatch.setenv(variable, "mysql://x/y")  # both: the one with DASHBOARD_ counts
    with pytest.raises(DatabaseError) as caught:
        _ = Database(Settings(_env_file=None, data_dir=tmp_path)).address  # type: ignore[call-arg]
    assert caught.value.message.startswith(f"{variable} names") and caught.value.fix.startswith(f"Set {variable} to")


def test_a_server_that_cannot_be_reached_is_told_without_its_password(postgres: Postgres, tmp_path: Path) -> None:
    wrong = [
        re.sub(r":\d+/", ":1/", postgres.url()),  # nothing listens there
        postgres.url("nowhere"),
        postgres.url().replace("tests:", "other:"),
    ]
    for url in wrong:
        settings = settings_of(tmp_path, database_url=SecretStr(url))
        with pytest.raises(DatabaseError) as caught, Database(settings).reading():
            pass
        error = caught.value
        assert error.code == "database_unavailable" and "127.0.0.1" in error.message and "DATABASE_URL" in error.fix
        for shown in (str(error), repr(settings), repr(error.__cause__)):
            assert PASSWORD not in shown and "p%40ss" not in shown


def test_a_server_whose_database_has_another_encoding_is_told_with_a_way_out_that_works(
    postgres: Postgres, tmp_path: Path
) -> None:
    for encoding in ("LATIN1", "SQL_ASCII"):  # of which psycopg gives bytes instead of text
        settings = settings_of(tmp_path, database_url=SecretStr(postgres.new_database(encoding)))
        with pytest.raises(DatabaseError, match=f"its encoding is {encoding}, and the dashboard needs UTF8") as caught:
            maintaining.check(Database(settings))
    [command] = [each for each in commands_in(caught.value.fix) if each.startswith("psql ")]
    _, *options = shlex.split(command)
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    subprocess.run([str(program("psql")), *options], env=environment, check=True, capture_output=True)
    database = Database(settings_of(tmp_path, database_url=SecretStr(postgres.url("dashboard_utf8"))))
    add(database, "Ä 猫")
    assert ids(database) == ["Ä 猫"]
    database.close()


def test_the_encoding_of_the_environment_does_not_matter(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    database = Database(settings_of(tmp_path, database_url=SecretStr(postgres.new_database())))
    add(database, "Ä 猫")
    assert ids(database) == ["Ä 猫"]
    database.close()


def test_after_a_restart_of_the_server_it_goes_on(postgres: Postgres, tmp_path: Path) -> None:
    database = Database(settings_of(tmp_path, database_url=SecretStr(postgres.new_database())))
    add(database, "a")
    postgres.stop()
    with pytest.raises(DatabaseError):
        add(database, "b")
    postgres.start()
    add(database, "c")
    assert ids(database) == ["a", "c"]
    database.close()


@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_server_that_hangs_is_given_up(
    in_transaction: bool, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_connection, "CONNECT_S", 1)
    monkeypatch.setattr(opening, "_READ_S", 1)
    database = Database(settings_of(tmp_path, database_url=SecretStr(postgres.new_database())))
    add(database, "a")
    asked = text("SELECT 1")
    with ExitStack() as stack:
        if in_transaction:
            with (
                pytest.raises(DatabaseError, match="has not answered for 1 s") as caught,
                database.reading() as reading,
            ):
                reading.execute(asked)
                stack.enter_context(postgres.hanging())
                reading.execute(asked)
        else:  # an open connection is tried, then a new one
            stack.enter_context(postgres.hanging())
            with pytest.raises(DatabaseError, match="timeout") as caught, database.reading():
                pass
        assert caught.value.code == "database_unavailable"
    add(database, "b")
    assert ids(database) == ["a", "b"]
    database.close()


def test_a_full_disk_is_told_with_its_own_way_out(tmp_path: Path) -> None:
    told = as_database_error(file_address(tmp_path / "d.sqlite"), sqlite3.OperationalError("database or disk is full"))
    assert told.fix.startswith("Free some space")
    assert told.fix.endswith("and the command line continue meanwhile, but uploads need free space, too.")


def test_two_restores_in_the_same_second_keep_both_files(
    sqlite_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one kept its file under the name of the first, which was lost."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(maintaining, "datetime", Stopped)
    database, backup = Database(sqlite_settings), tmp_path / "backup.sqlite3"
    maintaining.back_up(database, backup)
    address, kept = database.address, []
    for user in ("ann", "bob", "eve"):
        AuditLog(database).write(user, "token.created", "camera")
        database.close()
        kept.append(maintaining.restore(address, backup).kept)
    assert [each.name.partition(".before-")[2] for each in kept if each] == [
        "20260102-030405", "20260102-030405-2", "20260102-030405-3"
    ]  # fmt: skip
    for user, file in zip(("ann", "bob", "eve"), kept, strict=True):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT user FROM audit_log").fetchall() == [(user,)]
