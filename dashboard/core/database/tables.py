"""The tables of the database. A change here needs a new step in `migrations`, see `migrating`.

Ids of records begin with their time, so that their order is that of time, see `ids`.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class UtcTime(TypeDecorator[datetime]):
    """A moment with a time zone. SQLite keeps it as text without one, in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The moment as it is stored."""
        if value is None:
            return None
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The stored moment, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def _id() -> String:
    """Compared byte by byte, whatever the language of the server is."""
    return String(32).with_variant(String(32, collation="C"), "postgresql")


metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"}
)  # fmt: skip

predictions = Table(
    "predictions", metadata,
    Column("prediction_id", _id(), primary_key=True),
    Column("time_utc", UtcTime, nullable=False),
    Column("source", String(16), nullable=False),  # page, api, command
    Column("user", Text, nullable=False),  # "" if unknown
    Column("file", Text, nullable=False),  # name of the image, as given; may be ""
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("model_sha256", String(64), nullable=False),
    Column("image_sha256", String(64), nullable=False, index=True),
    Column("label", Text, nullable=False),  # of the predicted class
    Column("confidence", Float, nullable=False),  # in [0, 1]
    Column("top3", JSON, nullable=False),  # [[label, probability], ...], the most probable first
    Column("doubt", Boolean),  # True: probably none of the classes; null: the version has no thresholds
    Column("doubt_energy", Float),
    Column("doubt_msp", Float),
    Column("latency_ms", Float),  # null if not measured
    Column("fit", String(16)),  # how the picture was fitted to the model's input; null if not known
)  # fmt: skip

images = Table(
    "images", metadata,
    Column("image_sha256", String(64), primary_key=True),
    Column("stored_utc", UtcTime, nullable=False, index=True),  # when it was last predicted
    Column("data", LargeBinary, nullable=False),  # the image file
)  # fmt: skip

run_users = Table(
    "run_users", metadata,
    Column("run_id", String(64), primary_key=True),
    Column("user", Text, nullable=False),
)  # fmt: skip

feedback = Table(
    "feedback", metadata,
    Column("feedback_id", _id(), primary_key=True),
    Column("time_utc", UtcTime, nullable=False),
    Column("subject", String(120), nullable=False, index=True),  # the id of a prediction, or RUN_ID:INDEX
    Column("user", Text, nullable=False),
    Column("is_right", Boolean, nullable=False),
    Column("true_label", Text),  # null: the label is wrong, and the true one is not known
    Column("note", Text, nullable=False),
    Column("predicted_label", Text, nullable=False),  # this and what follows is copied from the prediction
    Column("confidence", Float, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("image_sha256", String(64), nullable=False),  # "" if not known
    Column("doubt", Boolean),  # True: the answer was "probably none of the classes"; null: not known
)  # fmt: skip

tokens = Table(
    "tokens", metadata,
    Column("token_id", _id(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("prefix", String(16), nullable=False),  # the visible beginning of the secret
    Column("secret_sha256", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),  # separated by commas
    Column("created_utc", UtcTime, nullable=False),
    Column("expires_utc", UtcTime),
    Column("revoked_utc", UtcTime),
    Column("last_used_utc", UtcTime),
)  # fmt: skip

audit_log = Table(
    "audit_log", metadata,
    Column("audit_id", _id(), primary_key=True),
    Column("time_utc", UtcTime, nullable=False),
    Column("user", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
)  # fmt: skip

cached_answers = Table(
    "cached_answers", metadata,
    Column("answer_key", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("value_sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("used_utc", UtcTime, nullable=False, index=True),
)  # fmt: skip
