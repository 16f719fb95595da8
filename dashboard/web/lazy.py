"""ASGI apps that are made when they are first needed, because importing FastAPI would delay the first page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send


class LazyApp:
    """See the module."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """`make` imports and builds the app."""
        self._make, self._made = make, asyncio.Lock()
        self._app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        if self._app is None:
            async with self._made:
                self._app = self._app or await asyncio.to_thread(self._make)
        await self._app(scope, receive, send)


class AnyPathMount(Mount):
    """Also for a path with an encoded line break, which the pattern of Mount leaves to other routes."""

    def __init__(self, path: str, app: Any) -> None:
        super().__init__(path, app)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


def lazy_mounts(paths: Sequence[str], make: Callable[[], Mapping[str, Any]]) -> list[BaseRoute]:
    """One route for each path. `make` gives the apps of all paths, and is called once."""
    made = cache(make)
    return [AnyPathMount(path, LazyApp(lambda path=path: made()[path])) for path in paths]  # type: ignore[misc]
