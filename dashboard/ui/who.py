"""Who uses the page, and the record of what they did."""

from __future__ import annotations

import logging

from dashboard.core.errors import DashboardError
from dashboard.services import Services


def current_user() -> str:
    """The name of the user, for history, feedback and the audit log; "" as long as the pages do not know it."""
    return ""


def write_audit(services: Services, action: str, subject: str) -> None:
    """Writes into the audit log what was done. A failure is only logged, since the act is done already."""
    try:
        services.audit.write(current_user(), action, subject)
    except DashboardError:
        logging.getLogger(__name__).warning("The audit log lacks this: %s %s", action, subject, exc_info=True)
