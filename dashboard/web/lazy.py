"""ASGI apps that are made when they are first needed, because importing FastAPI would delay the first page."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Receive, Scope, Send


class LazyApp:
    """An app that `make` imports and builds at the first request."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._made = make, asyncio.Lock()
        self._app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        if self._app is None:
            async with self._made:
                self._app = self._app or await asyncio.to_thread(self._make)
        await self._app(scope, receive, send)


class AnyPathMount(Mount):
    """Also for what Mount leaves to other routes: the path itself without a slash, and an encoded line break below it."""

    def __init__(self, path: str, app: Any) -> None:
        super().__init__(path, app)
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See Mount."""
        if scope["type"] != "http" or scope["path"] != scope.get("root_path", "") + self.path:
            return super().matches(scope)
        root = {"path": f"{scope['path']}/"}
        match, child_scope = super().matches({**scope, **root})
        return match, {**child_scope, **root}


def lazy_mounts(paths: Sequence[str], make: Callable[[], Mapping[str, Any]]) -> list[BaseRoute]:
    """One route for each path. `make` gives the apps of all paths, and is called once."""
    making, made = threading.Lock(), cache(make)

    def app_at(path: str) -> Any:
        with making:  # else the first requests to two paths would both call `make`
            return made()[path]

    return [AnyPathMount(path, LazyApp(partial(app_at, path))) for path in paths]
