"""The commands about tokens, the password and the database file."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from dashboard.core.access.password import Password
from dashboard.core.access.tokens import Tokens
from dashboard.core.database import maintaining
from dashboard.core.database.database import Database
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.shell import in_command
from dashboard.services import services_of
from tests.cli.records import Commands
from tests.postgres import settings_of
from tests.worker.hostile_worker import EVALUATING

FILE = "dashboard.sqlite3"


def test_a_token_is_shown_once_and_works_until_it_is_revoked(commands: Commands) -> None:
    made = commands.json("tokens", "create", "camera", "--scope", "predict", "--scope", "evaluate", "--days", "2")
    assert made["secret"].startswith(made["prefix"]) and made["scopes"] == ["predict", "evaluate"]
    assert made["expires_utc"][:4].isdigit() and made["state"] == "valid"
    database = Database(settings_of(commands.data_dir))
    assert Tokens(database, WriteBehind(database)).list()[0].name == "camera"
    database.close()
    shown = commands.run("tokens", "create", "other")
    assert shown.stdout.strip().startswith("cd_") and len(shown.stdout.split()) == 1
    [newer, older] = commands.json("tokens", "list")
    assert (newer["name"], older["name"]) == ("other", "camera") and "secret" not in older
    listed = commands.run("tokens", "list").stdout
    assert made["secret"] not in listed and made["prefix"] in listed and "camera" in listed
    assert commands.json("tokens", "revoke", "camera")["state"] == "revoked"
    assert commands.json("tokens", "revoke", "nobody", fails=True)["error"]["code"] == "token_unknown"
    acts = commands.json("audit")
    assert [act["action"] for act in acts] == ["token.revoked", "token.created", "token.created"]
    assert all(act["user"] for act in acts)  # the account of the operating system
    assert [act["action"] for act in commands.json("audit", "--before", acts[1]["audit_id"])] == ["token.created"]
    assert "token.revoked" in commands.run("audit", "--most", "1").stdout


@pytest.mark.parametrize("days", ["0", "-1", "40000", "nan"])
def test_the_days_of_a_token_are_explained(commands: Commands, days: str) -> None:
    told = " ".join(commands.run("tokens", "create", "camera", "--days", days, fails=True).stderr.split())
    assert f"must be more than 0 and at most 36,500, but it is {days}. Write 0.5 for twelve hours" in told


def test_the_password_is_read_from_standard_input(commands: Commands) -> None:
    commands.run("password", typed="a long password\n")
    password = Password(settings_of(commands.data_dir))
    password.verify("a long password", "me")
    assert "too short" in commands.run("password", typed="short\n", fails=True).stderr
    assert "was removed" in commands.run("password", "--remove").stdout
    assert not password.is_set
    assert "none was removed" in commands.run("password", "--remove").stdout
    assert [act["action"] for act in commands.json("audit")] == ["password.removed", "password.set"]


def test_a_setting_that_wins_over_the_password_is_told(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_PASSWORD_HASH", PasswordHasher().hash("another password"))
    for done in (commands.run("password", typed="a long password\n"), commands.run("password", "--remove")):
        assert "DASHBOARD_PASSWORD_HASH is set and takes precedence" in done.stderr


def test_the_audit_log_goes_on_only_after_an_entry_that_it_has(commands: Commands) -> None:
    commands.run("tokens", "create", "camera")
    done = commands.run("audit", "--before", "zzz", fails=True)
    assert done.exit_code == 2 and "no entry 'zzz'" in done.stderr


def test_a_backup_can_be_restored_after_damage(commands: Commands, tmp_path: Path) -> None:
    commands.run("tokens", "create", "camera")
    backup = tmp_path / "backup.sqlite3"
    assert commands.json("database", "backup", str(backup)) == {"file": str(backup)}
    assert commands.json("database", "backup", str(backup), fails=True)["error"]["code"] == "storage"
    commands.run("tokens", "create", "later")
    file = commands.data_dir / FILE
    file.write_bytes(b"damaged" * 3000)
    refused = commands.json("database", "check", fails=True)["error"]
    assert refused["code"] == "database_damaged" and str(file) in refused["message"]
    restored = commands.json("database", "restore", str(backup))
    assert Path(restored["kept"]).read_bytes().startswith(b"damaged")
    assert (restored["still_revoked"], restored["maybe_revoked"]) == ([], ["camera"])
    assert [token["name"] for token in commands.json("tokens", "list")] == ["camera"]
    assert commands.json("database", "check")["rows"]["tokens"] == 1


def test_a_token_that_was_revoked_after_the_backup_stays_revoked(commands: Commands, tmp_path: Path) -> None:
    backup = tmp_path / "backup.sqlite3"
    for name in ("camera", "lost", "gone before"):
        commands.run("tokens", "create", name)
    commands.run("tokens", "revoke", "gone before")
    commands.run("database", "backup", str(backup))
    revoked = commands.json("tokens", "revoke", "lost")["revoked_utc"]
    done = commands.run("database", "restore", str(backup))
    assert "stay revoked: lost." in done.stderr and "valid again" not in done.stderr
    tokens = {each["name"]: each for each in commands.json("tokens", "list")}
    assert {name: each["state"] for name, each in tokens.items()} == {
        "camera": "valid", "lost": "revoked", "gone before": "revoked",
    }  # fmt: skip
    assert tokens["lost"]["revoked_utc"] == revoked
    newest = commands.json("audit")[0]
    assert (newest["action"], newest["subject"]) == ("database.restored", str(backup))
    assert newest["detail"] == "still revoked: lost" and newest["user"]
    again = commands.json("database", "restore", str(backup))
    assert (again["still_revoked"], again["maybe_revoked"]) == (["lost"], [])


def test_a_restore_that_cannot_know_which_tokens_were_revoked_names_the_valid_ones(
    commands: Commands, tmp_path: Path
) -> None:
    backup, file = tmp_path / "backup.sqlite3", commands.data_dir / FILE
    commands.run("tokens", "create", "lost")
    commands.run("tokens", "create", "camera")
    commands.run("tokens", "create", "short", "--days", "1")
    commands.run("tokens", "create", "old")
    commands.run("tokens", "revoke", "old")
    commands.run("database", "backup", str(backup))
    with closing(sqlite3.connect(backup)) as connection, connection:
        connection.execute("UPDATE tokens SET expires_utc = '2026-01-01 00:00:00.000000' WHERE name = 'short'")
    for damage, reason in (
        (lambda: file.write_bytes(b"x" * 9000), "cannot be read"),
        (file.unlink, "no file was there"),
    ):
        commands.run("tokens", "revoke", "lost")
        damage()
        told = commands.run("database", "restore", str(backup)).stderr
        assert f"{reason}. They are valid now: lost, camera." in told
        assert "`python -m dashboard tokens revoke NAME`" in told
        newest = commands.json("audit")[0]
        assert (newest["action"], newest["detail"]) == (
            "database.restored",
            "valid, maybe revoked before: lost, camera",
        )


def test_a_restore_names_the_valid_tokens_that_an_older_file_does_not_have(commands: Commands, tmp_path: Path) -> None:
    older, newer = tmp_path / "older.sqlite3", tmp_path / "newer.sqlite3"
    for name in ("camera", "lost"):
        commands.run("tokens", "create", name)
    commands.run("database", "backup", str(older))
    commands.run("tokens", "create", "alpha", "--scope", "admin")
    commands.run("database", "backup", str(newer))
    commands.run("tokens", "revoke", "alpha")
    assert "valid" not in commands.run("database", "restore", str(older)).stderr
    commands.run("tokens", "revoke", "lost")
    told = commands.run("database", "restore", str(newer)).stderr
    assert "stay revoked: lost." in told and "does not have them. They are valid now: alpha. Revoke" in told
    detail = "valid, maybe revoked before: alpha; still revoked: lost"
    assert commands.json("audit")[0]["detail"] == detail
    assert {each["name"]: each["state"] for each in commands.json("tokens", "list")} == {
        "camera": "valid", "lost": "revoked", "alpha": "valid",
    }  # fmt: skip


def test_a_restore_over_a_new_file_names_every_valid_token(commands: Commands, tmp_path: Path) -> None:
    backup, file = tmp_path / "backup.sqlite3", commands.data_dir / FILE
    names = [f"token {number}" for number in range(10)]
    for name in names:
        commands.run("tokens", "create", name, "--scope", "admin")
    commands.run("database", "backup", str(backup))
    commands.run("tokens", "revoke", "token 9")
    file.write_bytes(b"damaged" * 3000)
    assert "move the file" in commands.json("database", "check", fails=True)["error"]["fix"]
    file.rename(tmp_path / "moved away")
    assert commands.json("tokens", "list") == []
    told = commands.run("database", "restore", str(backup)).stderr
    assert f"does not have them. They are valid now: {', '.join(names)}. Revoke" in told
    assert commands.json("audit")[0]["detail"] == f"valid, maybe revoked before: {', '.join(names)}"
    for name in names:
        commands.run("tokens", "revoke", name)
    done = commands.json("database", "restore", str(backup))
    assert (done["still_revoked"], done["maybe_revoked"]) == (names, [])
    file.unlink()
    commands.run("tokens", "list")
    done = commands.json("database", "restore", str(backup))
    assert (done["still_revoked"], done["maybe_revoked"]) == ([], names)


def test_a_restore_names_a_token_whose_name_is_damaged(commands: Commands, tmp_path: Path) -> None:
    backup = tmp_path / "backup.sqlite3"
    for name in ("camera", "lost"):
        commands.run("tokens", "create", name)
    commands.run("database", "backup", str(backup))
    with closing(sqlite3.connect(backup)) as connection, connection:
        connection.execute("UPDATE tokens SET name = x'ff00' WHERE name = 'lost'")
    (commands.data_dir / FILE).unlink()
    assert commands.json("database", "restore", str(backup))["maybe_revoked"] == ["camera", r"b'\xff\x00'"]


def test_a_backup_does_not_go_into_another_kind_of_database(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.run("tokens", "create", "camera")
    backup, other = tmp_path / "backup", tmp_path / "other file"
    commands.run("database", "backup", str(backup))
    other.write_bytes(b"PGDMP")
    monkeypatch.setenv("DASHBOARD_DATABASE_URL", "postgresql://me:s3cret@example.com:5433/images")
    into = "--host=example.com --port=5433 --username=me --dbname=images"
    refused = commands.json("database", "restore", str(backup), fails=True)["error"]
    assert "SQLite file. It cannot go into the PostgreSQL database 'images'" in refused["message"]
    assert "remove DASHBOARD_DATABASE_URL" in refused["fix"] and f"{into} BACKUP`" in refused["fix"]
    refused = commands.json("database", "restore", str(other), fails=True)["error"]
    assert f"`pg_restore --clean --if-exists {into} {in_command(str(other))}`" in refused["fix"]
    made = commands.json("database", "backup", str(tmp_path / "new"), fails=True)["error"]
    assert f"`pg_dump --format=custom --file={tmp_path / 'new'} {into}`" in made["fix"]
    assert "s3cret" not in str((refused, made))


def test_a_copy_that_finds_no_space_blames_the_place_it_goes_to(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.run("tokens", "create", "camera")
    backup, other = tmp_path / "backup", tmp_path / "other"
    commands.run("database", "backup", str(backup))
    connect = sqlite3.connect

    def without_space(database: str | Path, **options: Any) -> sqlite3.Connection:
        connection = connect(database, **options)
        if str(database).endswith(".part"):
            connection.execute("PRAGMA max_page_count=1")
        return connection

    monkeypatch.setattr(maintaining.sqlite3, "connect", without_space)
    full = commands.json("database", "backup", str(other), fails=True)["error"]
    assert full["message"] == f"{other} cannot be written: No space left on device." and full["code"] == "storage"
    assert full["fix"] == "Free some space there, or name another file."
    full = commands.json("database", "restore", str(backup), fails=True)["error"]
    assert full["message"] == f"{commands.data_dir / FILE} cannot be written: No space left on device."
    assert "runs empty-bin" in full["fix"] and sorted(tmp_path.iterdir()) == [backup, commands.data_dir]
    monkeypatch.undo()
    assert commands.json("database", "check")["rows"]["tokens"] == 1


def test_a_backup_that_the_system_refuses_says_why(commands: Commands, tmp_path: Path) -> None:
    long = tmp_path / ("b" * 255)  # so that the name of the unfinished file is too long
    error = commands.json("database", "backup", str(long), fails=True)["error"]
    assert error["message"] == f"{long} cannot be written: {os.strerror(errno.ENAMETOOLONG)}."


def test_a_server_holds_its_database_from_its_start(commands: Commands, tmp_path: Path) -> None:
    commands.run("tokens", "create", "camera")
    backup = tmp_path / "backup"
    commands.run("database", "backup", str(backup))
    with services_of(settings_of(commands.data_dir), WorkerPool(1, command=EVALUATING, at_once=False)) as server:
        server.start()
        assert commands.json("database", "restore", str(backup), fails=True)["error"]["code"] == "database_locked"
    assert commands.json("database", "restore", str(backup))["kept"]


def test_a_server_says_in_one_line_that_it_cannot_mark_its_database_as_used(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with services_of(settings_of(small_disk), WorkerPool(1, command=EVALUATING, at_once=False)) as server:
        server.hold_database()
        server.start()
    [line] = [record for record in caplog.records if "Marking the database" in record.getMessage()]
    assert line.exc_info is None and line.getMessage().endswith(
        f"{small_disk / FILE}.in-use: Read-only file system. Mount the read-only file system for writing."
    )


def test_a_restore_refuses_what_would_lose_something(commands: Commands, tmp_path: Path) -> None:
    commands.run("tokens", "create", "camera")
    file = commands.data_dir / FILE
    before = file.read_bytes()
    backup, other, broken = (tmp_path / name for name in ("backup", "other", "broken"))
    commands.run("database", "backup", str(backup))
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE anything (x)")
    broken.write_bytes(backup.read_bytes()[:-20_000])
    for wrong, code in ((other, "database_damaged"), (broken, "database_damaged"), (tmp_path / "no", "not_found")):
        assert commands.json("database", "restore", str(wrong), fails=True)["error"]["code"] == code
    running = Database(settings_of(commands.data_dir))
    with running.reading():
        pass
    in_use = commands.json("database", "restore", str(backup), fails=True)["error"]
    assert in_use["code"] == "database_locked" and "Stop the dashboard" in in_use["fix"]
    running.close()
    running.hold()  # as a server does before it opens the file
    in_use = commands.json("database", "restore", str(backup), fails=True)["error"]
    assert in_use["code"] == "database_locked" and "Stop the dashboard" in in_use["fix"]
    running.close()
    assert file.read_bytes() == before
    assert commands.json("database", "restore", str(backup))["kept"]
