"""Apps that are made when they are first asked."""

from __future__ import annotations

import asyncio
import time

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dashboard.web.lazy import lazy_mounts
from tests.asynchronous import run_async


def test_apps_that_are_first_asked_at_the_same_time_are_made_once() -> None:
    made = 0

    def make() -> dict[str, PlainTextResponse]:
        nonlocal made
        made += 1
        time.sleep(0.1)
        return {path: PlainTextResponse(path) for path in ("/a", "/b")}

    async def ask() -> list[str]:
        app = Starlette(routes=lazy_mounts(("/a", "/b"), make))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as here:
            return [each.text for each in await asyncio.gather(here.get("/a/x"), here.get("/b/x"))]

    assert run_async(ask()) == ["/a", "/b"] and made == 1


def test_the_path_of_an_app_without_a_slash_is_its_root() -> None:
    async def root(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.scope['root_path']} and {request.url.path}")

    async def ask() -> list[tuple[int, str]]:
        inner = Starlette(routes=[Route("/", root)])
        pages = Route("/{path:path}", lambda request: PlainTextResponse("a page"))
        app = Starlette(routes=[*lazy_mounts(("/a",), lambda: {"/a": inner}), pages])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as here:
            return [(got.status_code, got.text) for got in [await here.get(path) for path in ("/a", "/a/", "/ab")]]

    assert run_async(ask()) == [(200, "/a and /a/"), (200, "/a and /a/"), (200, "a page")]
