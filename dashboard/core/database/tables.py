"""The tables of the database. A change here needs a new step in `migrations`, see `migrating`.

Ids of records begin with their time, so that their order is that of time, see `ids`.
"""

from __future__ import annotations

from sqlalchemy import Column, MetaData, Table

from dashboard.core.database.column_types import (
    CheckedType,
    Content,
    LabelProbabilities,
    UtcTime,
    flag,
    number,
    record_id,
    size,
    words,
)

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"}
)  # fmt: skip

predictions = Table(
    "predictions", metadata,
    Column("prediction_id", record_id(), primary_key=True),
    Column("time_utc", UtcTime, nullable=False),
    Column("source", words(16), nullable=False),  # page, api, command
    Column("user", words(), nullable=False),  # "" if unknown
    Column("file", words(), nullable=False),  # name of the image, as given; may be ""
    Column("model_name", words(), nullable=False),
    Column("model_version", words(), nullable=False),
    Column("model_sha256", words(64), nullable=False),
    Column("image_sha256", words(64), nullable=False, index=True),
    Column("label", words(), nullable=False),  # of the predicted class
    Column("confidence", number(), nullable=False),  # in [0, 1]
    Column("top3", LabelProbabilities, nullable=False),  # [[label, probability], ...], the most probable first
    Column("doubt", flag()),  # True: probably none of the classes; null: the version has no thresholds
    Column("doubt_energy", number()),
    Column("doubt_msp", number()),
    Column("latency_ms", number()),  # null if not measured
    Column("fit", words(16)),  # how the picture was fitted to the model's input; null if not known
)  # fmt: skip

images = Table(
    "images", metadata,
    Column("image_sha256", words(64), primary_key=True),
    Column("stored_utc", UtcTime, nullable=False, index=True),  # when it was last predicted
    Column("data", Content, nullable=False),  # the image file
)  # fmt: skip

run_users = Table(
    "run_users", metadata,
    Column("run_id", words(64), primary_key=True),
    Column("user", words(), nullable=False),
)  # fmt: skip

feedback = Table(
    "feedback", metadata,
    Column("feedback_id", record_id(), primary_key=True),
    Column("time_utc", UtcTime, nullable=False),
    Column("subject", words(120), nullable=False, index=True),  # the id of a prediction, or RUN_ID:INDEX
    Column("user", words(), nullable=False),
    Column("is_right", flag(), nullable=False),
    Column("true_label", words()),  # null: the label is wrong, and the true one is not known
    Column("note", words(), nullable=False),
    Column("predicted_label", words(), nullable=False),  # this and what follows is copied from the prediction
    Column("confidence", number(), nullable=False),
    Column("model_name", words(), nullable=False),
    Column("model_version", words(), nullable=False),
    Column("file", words(), nullable=False),
    Column("image_sha256", words(64), nullable=False),  # "" if not known
    Column("doubt", flag()),  # True: the answer was "probably none of the classes"; null: not known
)  # fmt: skip

tokens = Table(
    "tokens", metadata,
    Column("token_id", record_id(), primary_key=True),
    Column("name", words(), nullable=False),
    Column("prefix", words(16), nullable=False),  # the visible beginning of the secret
    Column("secret_sha256", words(64), nullable=False, unique=True),
    Column("scopes", words(), nullable=False),  # separated by commas
    Column("created_utc", UtcTime, nullable=False),
    Column("expires_utc", UtcTime),
    Column("revoked_utc", UtcTime),
    Column("last_used_utc", UtcTime),
)  # fmt: skip

audit_log = Table(
    "audit_log", metadata,
    Column("audit_id", record_id(), primary_key=True),
    Column("time_utc", UtcTime, nullable=False),
    Column("user", words(), nullable=False),
    Column("action", words(64), nullable=False),
    Column("subject", words(), nullable=False),
    Column("detail", words(), nullable=False),
)  # fmt: skip

cached_answers = Table(
    "cached_answers", metadata,
    Column("answer_key", words(64), primary_key=True),
    Column("value", Content, nullable=False),
    Column("value_sha256", words(64), nullable=False),
    Column("size_bytes", size(), nullable=False),
    Column("used_utc", UtcTime, nullable=False, index=True),
)  # fmt: skip

for _table in metadata.tables.values():
    for _column in _table.columns:
        assert isinstance(_column.type, CheckedType), "nothing would check its values"
        _column.type.place = f"{_table.name}.{_column.name}"
