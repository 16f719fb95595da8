"""Bearer tokens: what each can do, and what is stored and shown of it."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from dashboard.core.access import tokens as module
from dashboard.core.access.tokens import Scope, Tokens
from dashboard.core.database.database import Database
from dashboard.core.database.ids import now_utc
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.errors import AccessError, DatabaseError
from dashboard.core.settings import Settings
from tests.postgres import settings_of


@pytest.fixture
def tokens(database: Database, writer: WriteBehind) -> Tokens:
    return Tokens(database, writer)


def code_of(tokens: Tokens, secret: str | None, scope: Scope = "predict") -> str:
    try:
        tokens.check(secret, scope)
    except AccessError as error:
        assert error.fix and (not secret or secret not in str(error))
        return error.code
    return ""


def test_a_token_works_for_its_scopes_only(tokens: Tokens) -> None:
    token, secret = tokens.create("camera", ["predict"])
    assert re.fullmatch(r"cd_[0-9A-Za-z]{43}", secret) and token.scopes == ("predict",)
    assert tokens.check(secret, "predict") == token
    assert code_of(tokens, secret, "evaluate") == code_of(tokens, secret, "admin") == "scope_missing"
    _, admin = tokens.create("me", ["admin"])
    scopes: tuple[Scope, ...] = ("predict", "evaluate", "admin")
    assert [code_of(tokens, admin, scope) for scope in scopes] == ["", "", ""]


def test_what_is_no_token_is_refused(tokens: Tokens) -> None:
    _, secret = tokens.create("camera")
    assert code_of(tokens, None) == code_of(tokens, "") == "token_missing"
    wrong = (secret[:-1], secret + "x", secret.swapcase(), "cd_", "x" * 10_000, "' OR 1=1 --", "\udcff\0")
    assert [code_of(tokens, each) for each in wrong] == ["token_unknown"] * len(wrong)


def test_a_token_ends_at_its_time(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    end = now_utc() + timedelta(hours=1)
    token, secret = tokens.create("short", expires_utc=end)
    assert code_of(tokens, secret) == "" and token.state == "valid"
    monkeypatch.setattr(module, "now_utc", lambda: end)
    assert code_of(tokens, secret) == "token_expired" and tokens.list()[0].state == "expired"
    with pytest.raises(AccessError) as caught:
        tokens.create("late", expires_utc=now_utc() - timedelta(days=1))
    assert caught.value.code == "token_expired"


def test_a_revoked_token_is_refused_at_once_but_elsewhere_soon_if_a_server_keeps_it(
    tokens: Tokens, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere_database = Database(settings)
    if is_server := elsewhere_database.address.file is None:
        monkeypatch.setattr(module, "REMEMBERED_S", 0.3)
    elsewhere = Tokens(elsewhere_database, WriteBehind(elsewhere_database))
    token, secret = tokens.create("camera")
    assert code_of(tokens, secret) == code_of(elsewhere, secret) == ""
    assert tokens.revoke(token.prefix).state == "revoked"
    assert code_of(tokens, secret) == "token_revoked"
    if is_server:
        time.sleep(0.35)
    assert code_of(elsewhere, secret) == "token_revoked"
    elsewhere._writer.close()
    elsewhere_database.close()
    again, _ = tokens.create("camera")  # the name is free again
    assert tokens.revoke("camera").token_id == again.token_id


def test_which_token_is_revoked_is_never_guessed(tokens: Tokens) -> None:
    for which in ("nobody", ""):
        with pytest.raises(AccessError, match="No token") as caught:
            tokens.revoke(which)
        assert caught.value.code == "token_unknown"
    tokens.create("twin")
    tokens.create("twin")
    with pytest.raises(AccessError, match="2 tokens"):
        tokens.revoke("twin")
    assert [token.state for token in tokens.list()] == ["valid", "valid"]


@pytest.mark.parametrize("name, scopes, code", [("", ["predict"], "token_unknown"), ("a\nb", ["predict"], "token_unknown"), ("a", [], "scope_unknown"), ("a", ["fly"], "scope_unknown")])  # fmt: skip
def test_names_and_scopes_are_checked(tokens: Tokens, name: str, scopes: list[str], code: str) -> None:
    with pytest.raises(AccessError) as caught:
        tokens.create(name, scopes)
    assert caught.value.code == code and caught.value.fix


def test_the_secret_is_not_stored(tokens: Tokens, database: Database) -> None:
    _, secret = tokens.create("camera")
    with database.reading() as connection:
        stored = str(connection.execute(text("SELECT * FROM tokens")).all())
    assert secret not in stored and secret[12:] not in stored and secret[:9] in stored
    assert secret[12:] not in str(tokens.list())


def test_the_last_use_is_noted_in_the_background_once_a_minute(tokens: Tokens, writer: WriteBehind) -> None:
    token, secret = tokens.create("camera")
    for _ in range(20):
        tokens.check(secret, "predict")
    assert writer.flush(10) and writer.written == 1
    used = tokens.list()[0].last_used_utc
    assert token.last_used_utc is None and used and abs((used - now_utc()).total_seconds()) < 30


def test_checking_asks_the_database_seldom(
    tokens: Tokens, database: Database, writer: WriteBehind, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = tokens.create("camera")
    tokens.check(secret, "predict")
    assert writer.flush(10)
    tokens.check(secret, "predict")
    monkeypatch.setattr(database, "reading", lambda: pytest.fail("it is still remembered"))
    assert code_of(tokens, secret) == ""


def test_without_a_database_nobody_gets_in(tmp_path: Path) -> None:
    (tmp_path / "dashboard.sqlite3").write_bytes(b"no database" * 1000)
    database = Database(settings_of(tmp_path))
    tokens = Tokens(database, WriteBehind(database))
    with pytest.raises(DatabaseError) as caught:
        tokens.check("cd_anything", "predict")
    assert caught.value.code == "database_damaged"
    assert code_of(tokens, None) == "token_missing"
    database.close()
