"""What the routes need: the services, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from dashboard.services import Services

GetServices = Callable[[], Services]


def _services(request: Request) -> Services:
    found: Services = request.app.state.get_services()
    return found


Opened = Annotated[Services, Depends(_services)]
