"""Text that every database can store."""

from __future__ import annotations

import re

_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with replacement characters for what UTF-8 or PostgreSQL cannot hold: lone surrogates and NUL."""
    return _NOT_STORABLE.sub("\ufffd", text)
