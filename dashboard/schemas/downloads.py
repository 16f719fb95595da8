"""JSON of a downloaded file."""

from __future__ import annotations

from dashboard.schemas.schema import Schema


class DownloadRecord(Schema):
    """Where a downloaded file lies."""

    path: str
