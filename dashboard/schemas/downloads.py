"""JSON of a downloaded file."""

from __future__ import annotations

from dashboard.schemas.schema import Schema


class DownloadRecord(Schema):
    """The path of a downloaded file."""

    path: str
