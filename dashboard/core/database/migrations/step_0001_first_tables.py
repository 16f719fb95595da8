"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables of version 1; what each column means is told in `database/tables.py`."""
    identity = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "predictions",
        sa.Column("prediction_id", identity, nullable=False),
        sa.Column("time_utc", time, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("image_sha256", sa.String(64), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("top3", sa.JSON, nullable=False),
        sa.Column("doubt", sa.Boolean),
        sa.Column("doubt_energy", sa.Float),
        sa.Column("doubt_msp", sa.Float),
        sa.Column("latency_ms", sa.Float),
        sa.PrimaryKeyConstraint("prediction_id", name="pk_predictions"),
    )
    op.create_index("ix_predictions_image_sha256", "predictions", ["image_sha256"])
    op.create_table(
        "images",
        sa.Column("image_sha256", sa.String(64), nullable=False),
        sa.Column("stored_utc", time, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("image_sha256", name="pk_images"),
    )
    op.create_index("ix_images_stored_utc", "images", ["stored_utc"])
    op.create_table(
        "run_users",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_users"),
    )
    op.create_table(
        "feedback",
        sa.Column("feedback_id", identity, nullable=False),
        sa.Column("time_utc", time, nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("is_right", sa.Boolean, nullable=False),
        sa.Column("true_label", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("predicted_label", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("image_sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_subject", "feedback", ["subject"])
    op.create_table(
        "tokens",
        sa.Column("token_id", identity, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_utc", time, nullable=False),
        sa.Column("expires_utc", time),
        sa.Column("revoked_utc", time),
        sa.Column("last_used_utc", time),
        sa.PrimaryKeyConstraint("token_id", name="pk_tokens"),
        sa.UniqueConstraint("secret_sha256", name="uq_tokens_secret_sha256"),
    )
    op.create_table(
        "audit_log",
        sa.Column("audit_id", identity, nullable=False),
        sa.Column("time_utc", time, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit_log"),
    )
    op.create_table(
        "cached_answers",
        sa.Column("answer_key", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("value_sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("used_utc", time, nullable=False),
        sa.PrimaryKeyConstraint("answer_key", name="pk_cached_answers"),
    )
    op.create_index("ix_cached_answers_used_utc", "cached_answers", ["used_utc"])
