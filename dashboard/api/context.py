"""What the routes need: the services, with only the evaluations that the caller may see.

A route names the caller (see `api.access.needs`) before the services.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from dashboard.core.access.visitor import STRANGER
from dashboard.services import Services

GetServices = Callable[[], Services]


def _services(request: Request) -> Services:
    shared: Services = request.app.state.get_services()
    return shared.seen_by(getattr(request.state, "visitor", STRANGER))


Opened = Annotated[Services, Depends(_services)]
