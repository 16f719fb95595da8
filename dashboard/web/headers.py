"""Response headers that tell the browser what the pages may do."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_security_policy(inline_scripts: Sequence[str] = ()) -> str:
    """What the pages may load and run: what comes from this server, and these scripts within the page."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline_scripts)
    script = " ".join(f"'sha256-{each}'" for each in hashes)
    rules = {
        "default-src": "'self'",
        # 'unsafe-eval': Vega compiles the expressions of a chart; blob: is how Streamlit loads the scripts of components
        "script-src": f"'self' 'unsafe-eval' blob: {script}".rstrip(),
        "style-src": "'self' 'unsafe-inline'",  # Streamlit's styles are made in the page
        "img-src": "'self' data: blob:",
        "connect-src": "'self' data:",  # data: is how Streamlit reads a photo of the camera
        "font-src": "'self' data:",
        "media-src": "'self' blob:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def inline_scripts(html: str) -> list[str]:
    """The scripts that are written in a page itself."""
    return _INLINE_SCRIPT.findall(html)


class SafeHeaders:
    """Middleware that adds security headers to every response."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self.app = app
        self.headers = {
            "Content-Security-Policy": policy,
            "X-Frame-Options": "SAMEORIGIN",  # for browsers that do not know frame-ancestors
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            # the camera, full screen and the clipboard are in use
            "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=(), serial=(), midi=(), "
            "display-capture=(), camera=(self), fullscreen=(self), clipboard-write=(self)",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and adds the headers to what comes back."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
