"""Whether the model doubted that the image shows one of its classes, beside what was said about the prediction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the column, and fills it from the predictions that are kept. It is null where the doubt is not known."""
    op.add_column("feedback", sa.Column("doubt", sa.Boolean))
    op.execute(
        "UPDATE feedback SET doubt = (SELECT doubt FROM predictions WHERE predictions.prediction_id = feedback.subject)"
    )
