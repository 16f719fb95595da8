"""Who uses the page."""

from __future__ import annotations


def current_user() -> str:
    """The name of the user, for history, feedback and the audit log; "" as long as the pages do not know it."""
    return ""
