"""The HTML of the pages that have an address of their own.

Opened at /evaluate, Streamlit's client first looks for its server at /evaluate/_stcore/health, finds nothing there (two
errors in the browser's console) and waits before it tries the next place. Told where the server is, it does not ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route

from dashboard.web.paths import prefix_of


def streamlit_html() -> str:
    """The HTML file that Streamlit serves for every page."""
    from streamlit.file_util import get_static_dir

    return (Path(get_static_dir()) / "index.html").read_text("utf-8")


def told_where_the_server_is(html: str, base: str = "") -> str:
    """This HTML with a script that tells Streamlit's client under which path its server is; "" for the root."""
    path = prefix_of(base) or "/"
    script = f"<script>window.__streamlit = {{BACKEND_BASE_URL: window.location.origin + {path!r}}}</script>"
    return html.replace("<head>", f"<head>\n    {script}", 1)


def deep_links(pages: Sequence[str], html: str, base: str = "") -> list[Route]:
    """Routes that answer with this HTML at the addresses of these pages."""

    async def answer(request: Request) -> HTMLResponse:
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    return [Route(f"{prefix_of(base)}/{page}", answer, methods=["GET"]) for page in pages]


def start_by_name(page: str, base: str = "") -> Route:
    """A route that leads from the name of the first page to the root, where Streamlit serves it."""

    async def answer(request: Request) -> RedirectResponse:
        return RedirectResponse(request.url.replace(path=f"{prefix_of(base)}/", scheme="", netloc=""))

    return Route(f"{prefix_of(base)}/{page}", answer, methods=["GET"])
