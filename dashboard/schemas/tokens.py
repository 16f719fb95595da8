"""JSON of bearer tokens."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from dashboard.core.access.tokens import Token
from dashboard.schemas.schema import Schema


class TokenRecord(Schema):
    """A token, without its secret."""

    token_id: str
    name: str
    prefix: str = Field(description="the beginning of the secret")
    scopes: list[str] = Field(description="predict, evaluate, admin; admin includes the others")
    state: str = Field(description="valid, expired or revoked")
    created_utc: str = Field(description="ISO 8601")
    expires_utc: str | None = Field(description="ISO 8601; null: never")
    revoked_utc: str | None = Field(description="ISO 8601; null: not revoked")
    last_used_utc: str | None = Field(description="ISO 8601, to the minute; null: never")

    @classmethod
    def of(cls, token: Token) -> TokenRecord:
        """The record of a token."""
        return cls(
            token_id=token.token_id,
            name=token.name,
            prefix=token.prefix,
            scopes=list(token.scopes),
            state=token.state,
            created_utc=token.created_utc.isoformat(timespec="seconds"),
            expires_utc=_text(token.expires_utc),
            revoked_utc=_text(token.revoked_utc),
            last_used_utc=_text(token.last_used_utc),
        )


class NewTokenRecord(TokenRecord):
    """A token that was just made. Its secret is never shown again."""

    secret: str

    @classmethod
    def of_new(cls, token: Token, secret: str) -> NewTokenRecord:
        """The record of a new token."""
        return cls(**dict(TokenRecord.of(token)), secret=secret)


def _text(time_utc: datetime | None) -> str | None:
    return time_utc.isoformat(timespec="seconds") if time_utc else None
