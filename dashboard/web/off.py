"""What a server answers that cannot start its pages and its API, or only its API: the reason."""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.web.access_log import request_id
from dashboard.web.paths import V1, V2, is_of_api
from dashboard.web.refusing import refuse

HIDDEN = "The terminal of the server says what to do."  # to other machines: what is installed is not for everyone
_LIVE = (f"{V1}/live", f"{V2}/health/live")
_NO_STORE = {"Cache-Control": "no-store"}


class Off:
    """Middleware that answers everything with the reason."""

    def __init__(self, app: ASGIApp, reason: str, fix: str = "", base: str = "") -> None:
        """Wraps an application.

        Args:
            reason: what is broken, in sentences.
            fix: how to mend it.
            base: path below which Streamlit serves the pages.
        """
        self.app, self.reason, self.fix, self.base = app, f"The dashboard is off. {reason}", fix, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 503 with the reason."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif is_of_api(scope["path"], self.base):
            await refuse(scope, receive, send, _problem(scope["path"], self.reason, self.fix))
        else:
            text = f"{self.reason} {self.fix}".strip()
            await refuse(scope, receive, send, PlainTextResponse(f"{text}\n", 503, _NO_STORE))


class ApiOff:
    """In place of an app of the API that cannot be built. It says that the server lives, and else answers the reason."""

    def __init__(self, reason: str, fix: str = "") -> None:
        """See `Off`."""
        self.reason, self.fix = reason, fix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 503 with the reason, or 200 to whoever asks whether the server lives."""
        is_live = scope["path"].endswith(_LIVE)
        answer = JSONResponse({"live": True}) if is_live else _problem(scope["path"], self.reason, self.fix)
        await answer(scope, receive, send)


def _problem(path: str, reason: str, fix: str) -> Response:
    """As `api.problems` has it, which needs packages that may be the broken ones."""
    told = {
        "type": "urn:classifier-dashboard:dependency_broken", "title": "Service Unavailable", "status": 503,
        "detail": reason, "code": "dependency_broken", "fix": fix, "question": None, "request_id": request_id.get(),
    }  # fmt: skip
    if V1 not in path:
        told["error"] = f"{reason} {fix}".strip()
    return JSONResponse(told, 503, _NO_STORE, "application/problem+json")
