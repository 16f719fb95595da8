"""How the picture of a prediction was fitted to the model's input."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the column. It is null for the predictions that are there already: how they were made is not known."""
    op.add_column("predictions", sa.Column("fit", sa.String(16)))
