"""An ASGI app that is made when it is first needed, because importing FastAPI would delay the first page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send


class LazyApp:
    """See the module."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """`make` imports and builds the app."""
        self._make, self._made = make, asyncio.Lock()
        self._app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        async with self._made:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
        await self._app(scope, receive, send)
