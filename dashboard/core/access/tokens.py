"""Bearer tokens: who may use the API, and for what. Of a token's secret, only the SHA-256 is stored."""

from __future__ import annotations

import hashlib
import secrets
import string
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from dashboard.core.database.database import Database
from dashboard.core.database.ids import new_id, now_utc
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.errors import AccessError, listed

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

Scope = Literal["predict", "evaluate", "admin"]  # admin includes the others
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "cd_"  # of every secret, so that scanners for leaked secrets can find it
# how long what is known of a token is used while nothing changes in the database; since a PostgreSQL server does not tell
# changes, a token that another process revoked there may work for so long
REMEMBERED_S = 3.0
_SECRET_LETTERS = 43  # of _BASE62, which is 256 bits
_VISIBLE = 9  # characters of a secret that lists show
_LONGEST_SECRET, _LONGEST_NAME = 200, 100
_USE_NOTED_EACH_S = 60.0
_MOST_REMEMBERED = 1000
_BASE62 = string.digits + string.ascii_letters
_NEW_ONE = "Ask the one who runs the dashboard for a token; `python -m dashboard tokens create NAME` makes one."


@dataclass(frozen=True)
class Token:
    """What is known of a token."""

    token_id: str
    name: str
    prefix: str  # the beginning of the secret
    scopes: tuple[Scope, ...]
    created_utc: datetime
    expires_utc: datetime | None  # None: never
    revoked_utc: datetime | None  # None: not revoked
    last_used_utc: datetime | None  # to the minute; None: never

    @property
    def state(self) -> Literal["valid", "expired", "revoked"]:
        """Whether it can be used now."""
        if self.revoked_utc is not None:
            return "revoked"
        return "expired" if self.expires_utc is not None and self.expires_utc <= now_utc() else "valid"

    def allows(self, scope: Scope) -> bool:
        """True if its scopes include this one."""
        return scope in self.scopes or "admin" in self.scopes


class Tokens:
    """The tokens in the database. Thread-safe. Every method raises DatabaseError if the database cannot be used."""

    def __init__(self, database: Database, writer: WriteBehind) -> None:
        self._database, self._writer = database, writer
        self._lock = threading.Lock()
        # by hash: until when, and while which `Database.changes`
        self._remembered: OrderedDict[str, tuple[float, tuple[int, ...], Token | None]] = OrderedDict()
        self._use_noted: dict[str, float] = {}  # by id: when

    def create(
        self, name: str, scopes: Iterable[str] = ("predict",), expires_utc: datetime | None = None
    ) -> tuple[Token, str]:
        """A new token and its secret, which nobody can find out later.

        Raises:
            AccessError: the name is empty or too long, a scope is unknown, or the end lies in the past.
        """
        from dashboard.core.database.tables import tokens

        secret = PREFIX + "".join(secrets.choice(_BASE62) for _ in range(_SECRET_LETTERS))
        now = now_utc()
        token = Token(
            new_id(now), _checked_name(name), secret[:_VISIBLE], _checked_scopes(scopes), now, expires_utc, None, None
        )
        if token.state == "expired":
            raise AccessError("The token would have expired already.", "Name a later end.", "token_expired")
        fields = {**vars(token), "scopes": ",".join(token.scopes), "secret_sha256": _hash(secret)}
        with self._database.writing() as connection:
            connection.execute(tokens.insert().values(fields))
        return token, secret

    def list(self) -> list[Token]:
        """All tokens, the newest first."""
        from dashboard.core.database.tables import tokens

        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(tokens.select().order_by(tokens.c.token_id.desc()))]

    def revoke(self, which: str) -> Token:
        """Ends a token for good; other processes that use a PostgreSQL server may take it for REMEMBERED_S seconds more.

        Args:
            which: its id, its name or the visible beginning of its secret.

        Raises:
            AccessError: this is no token's id, name or beginning, or that of several.
        """
        from sqlalchemy import or_

        from dashboard.core.database.tables import tokens

        with self._database.writing() as connection:
            is_meant = or_(tokens.c.token_id == which, tokens.c.name == which, tokens.c.prefix == which)
            found = [_token(row) for row in connection.execute(tokens.select().where(is_meant))]
            found = [token for token in found if token.revoked_utc is None] or found
            if len(found) != 1:
                fault = f"{len(found)} tokens are" if found else "No token is"
                raise AccessError(
                    f"{fault} called {which[:_LONGEST_NAME]!r}.",
                    "Give what the token begins with: `python -m dashboard tokens list` shows it.",
                    "token_unknown",
                )
            token = found[0]
            if token.revoked_utc is None:
                token = replace(token, revoked_utc=now_utc())
                change = tokens.update().where(tokens.c.token_id == token.token_id)
                connection.execute(change.values(revoked_utc=token.revoked_utc))
        with self._lock:
            self._remembered.clear()
        return token

    def check(self, secret: str | None, scope: Scope) -> Token:
        """The token with this secret, if it may do this. Asks the database only now and then.

        Raises:
            AccessError: with the code token_missing, token_unknown, token_revoked, token_expired or scope_missing.
            DatabaseError: tokens cannot be checked now, so nobody may do anything.
        """
        if not secret:
            raise AccessError(
                "This needs a token.",
                f"Send it in the header `Authorization: Bearer TOKEN`. {_NEW_ONE}",
                "token_missing",
            )
        token = self._find(_hash(secret)) if len(secret) <= _LONGEST_SECRET else None
        if token is None:
            raise AccessError("There is no such token.", f"Check that it is complete. {_NEW_ONE}", "token_unknown")
        if token.state == "revoked":
            raise AccessError(f"The token {token.name!r} was revoked.", _NEW_ONE, "token_revoked")
        if token.state == "expired":
            raise AccessError(f"The token {token.name!r} has expired.", _NEW_ONE, "token_expired")
        if not token.allows(scope):
            raise AccessError(
                f"The token {token.name!r} is for {listed(token.scopes)}, not for {scope}.",
                f"Use a token that has the scope {scope}.",
                "scope_missing",
            )
        self._note_use(token)
        return token

    def _find(self, secret_sha256: str) -> Token | None:
        from dashboard.core.database.tables import tokens

        changes = self._database.changes()
        with self._lock:
            until, then, token = self._remembered.get(secret_sha256, (0.0, (), None))
            if time.monotonic() < until and then == changes:
                return token
        # what is compared is the hash, whose equal beginning tells nothing about the secret
        asked_at = time.monotonic()
        with self._database.reading() as connection:
            row = connection.execute(tokens.select().where(tokens.c.secret_sha256 == secret_sha256)).one_or_none()
        token = None if row is None else _token(row)
        with self._lock:
            self._remembered[secret_sha256] = asked_at + REMEMBERED_S, changes, token
            self._remembered.move_to_end(secret_sha256)
            while len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return token

    def _note_use(self, token: Token) -> None:
        now = time.monotonic()
        with self._lock:
            if now < self._use_noted.get(token.token_id, -_USE_NOTED_EACH_S) + _USE_NOTED_EACH_S:
                return
            self._use_noted[token.token_id] = now
        self._writer.put(_write_uses, (token.token_id, now_utc()))


def _write_uses(connection: Connection, uses: Sequence[tuple[str, datetime]]) -> None:
    from dashboard.core.database.tables import tokens

    for token_id, used_utc in uses:
        connection.execute(tokens.update().where(tokens.c.token_id == token_id).values(last_used_utc=used_utc))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise AccessError(
            f"{name[:_LONGEST_NAME]!r} cannot be the name of a token.",
            f"Use 1 to {_LONGEST_NAME} printable characters.",
            "token_unknown",
        )
    return name


def _checked_scopes(scopes: Iterable[str]) -> tuple[Scope, ...]:
    asked = set(scopes)
    if not asked or asked - set(SCOPES):
        raise AccessError(
            f"Unknown scopes: {listed(sorted(asked - set(SCOPES)))}." if asked else "The token has no scope.",
            f"The scopes are {listed(SCOPES)}.",
            "scope_unknown",
        )
    return tuple(scope for scope in SCOPES if scope in asked)


def _token(row: Row[Any]) -> Token:
    fields = {name: value for name, value in row._mapping.items() if name != "secret_sha256"}
    return Token(**{**fields, "scopes": tuple(fields["scopes"].split(","))})
