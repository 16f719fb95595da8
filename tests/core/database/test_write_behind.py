"""Writing in the background: nobody waits, nothing that was acknowledged is lost, and what is lost is counted."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, text

from dashboard.core.database.database import Database
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.settings import Settings
from dashboard.services import open_services
from tests.conftest import ROOT
from tests.postgres import Postgres, settings_of, waited_for

FILE = "dashboard.sqlite3"


def write(connection: Connection, names: Sequence[str]) -> None:
    for name in names:
        connection.execute(text("INSERT INTO run_users VALUES (:name, '') ON CONFLICT DO NOTHING"), {"name": name})


def stored(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(text("SELECT run_id FROM run_users")).scalars())


def test_what_was_put_is_stored_when_flush_returns(database: Database, writer: WriteBehind) -> None:
    names = {str(i) for i in range(1200)}
    for name in names:
        assert writer.put(write, name)
    assert writer.flush(20)
    assert (writer.written, writer.waiting, writer.dropped, writer.last_error) == (1200, 0, 0, None)
    assert stored(database) == names


def test_while_the_file_is_locked_records_wait_and_nobody_else_does(sqlite_settings: Settings) -> None:
    database = Database(sqlite_settings)
    writer = WriteBehind(database)
    writer.put(write, "before")
    assert writer.flush(10)
    other = sqlite3.connect(sqlite_settings.data_dir / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    for i in range(300):
        assert writer.put(write, str(i))
    assert time.monotonic() - began < 0.2
    assert waited_for(lambda: writer.last_error)
    assert writer.last_error and writer.last_error.code == "database_locked"
    assert writer.waiting == 300 and not writer.flush(0.5)
    other.execute("ROLLBACK")
    other.close()
    assert writer.flush(15) and writer.last_error is None and writer.dropped == 0
    assert stored(database) == {"before", *map(str, range(300))}
    writer.close()
    database.close()


def test_while_the_server_is_restarted_records_wait(postgres: Postgres, tmp_path: Path) -> None:
    database = Database(settings_of(tmp_path, database_url=SecretStr(postgres.new_database())))
    writer = WriteBehind(database)
    for i in range(2000):
        writer.put(write, str(i))
        if i == 1000:
            assert writer.flush(20)
        if i == 1200:
            postgres.stop("immediate")
    try:
        assert waited_for(lambda: writer.last_error)
    finally:
        postgres.start()
    assert writer.flush(30) and writer.dropped == 0
    assert stored(database) == set(map(str, range(2000)))
    writer.close()
    database.close()


def test_what_finds_no_place_is_counted(sqlite_settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    sqlite_settings.data_dir.joinpath(FILE).write_bytes(b"no database " * 1000)
    database = Database(sqlite_settings)
    writer = WriteBehind(database, most=10, most_bytes=1000)
    assert [writer.put(write, str(i), 400) for i in range(4)] == [True, True, False, False]
    assert [writer.put(write, str(i)) for i in range(10)] == [True] * 8 + [False] * 2
    assert (writer.dropped, writer.waiting) == (4, 10)
    assert not writer.close(0.3)
    assert (writer.dropped, writer.waiting, writer.written) == (14, 0, 0)
    assert writer.last_error and writer.last_error.code == "database_damaged"
    assert not writer.put(write, "late") and writer.dropped == 15
    waits, lost = caplog.messages
    assert waits.startswith("Records wait for the database. ") and lost.startswith(
        "10 records for the database could not"
    )
    database.close()


def test_only_the_history_tells_the_log_and_closing_waits_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = SecretStr("postgresql://me:secret@127.0.0.1:1/db")  # nothing listens there
    services = open_services(settings_of(tmp_path, database_url=url))
    for writer in (services.history._writer, services.writer):
        writer.put(write, "a")
        assert waited_for(lambda writer=writer: writer.last_error)
    began = time.monotonic()
    services.close(0.5)
    assert time.monotonic() - began < 1.5
    waits, lost = caplog.messages
    assert waits.startswith("Records wait for the database. The PostgreSQL database 'db' on 127.0.0.1:1 cannot be used")
    assert lost.startswith("1 record for the database could not be written and is lost. The PostgreSQL database")


def test_a_record_that_the_database_refuses_does_not_hold_up_the_others(
    database: Database, writer: WriteBehind
) -> None:
    def refused(connection: Connection, names: Sequence[str]) -> None:
        for name in names:
            connection.execute(
                text("INSERT INTO run_users VALUES (:name, :user)"), {"name": name, "user": name or None}
            )

    for name in ("a", "", "b"):
        writer.put(refused, name)
    assert writer.flush(10) and stored(database) == {"a", "b"}
    assert (writer.written, writer.dropped) == (2, 1)


def test_a_fault_of_ours_does_not_end_the_writing(database: Database, writer: WriteBehind) -> None:
    def fails(connection: Connection, names: Sequence[str]) -> None:
        raise ZeroDivisionError

    writer.put(fails, "a")
    writer.put(write, "b")
    assert writer.flush(10) and stored(database) == {"b"} and writer.dropped == 1


KILLED = """
import sys
from pathlib import Path
from pydantic import SecretStr
from dashboard.core.database.database import Database
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.settings import Settings
from tests.core.database.test_write_behind import write
writer = WriteBehind(Database(Settings(data_dir=Path(sys.argv[1]), database_url=SecretStr(sys.argv[2]))))
for i in range(10_000):
    writer.put(write, str(i))
    if i % 100 == 99:
        writer.flush()
        print(i + 1, flush=True)
"""


def test_what_was_flushed_survives_a_kill(settings: Settings) -> None:
    command = [sys.executable, "-c", KILLED, str(settings.data_dir), settings.database_url.get_secret_value()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    acknowledged = 0
    for _ in range(5):
        acknowledged = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    for line in process.stdout.readlines():
        acknowledged = int(line)
    process.wait(10)
    process.stdout.close()
    database = Database(settings)
    assert stored(database) >= set(map(str, range(acknowledged))) and acknowledged >= 500
    database.close()


def test_closing_without_records_starts_nothing(sqlite_settings: Settings) -> None:
    writer = WriteBehind(Database(sqlite_settings))
    assert writer.close() and not (sqlite_settings.data_dir / FILE).exists()
