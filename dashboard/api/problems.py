"""Errors as `application/problem+json` (RFC 9457), with the code, message and fix that pages and commands show too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field, computed_field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.core.diagnostics.not_started import told_once
from dashboard.core.errors import Choice, DashboardError, DatasetError, ImageError
from dashboard.core.models.prediction import Failure
from dashboard.core.questions import UndecidedError
from dashboard.schemas.errors import QuestionRecord
from dashboard.schemas.schema import Schema, Sentence
from dashboard.web.access_log import request_id

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 10  # of a request, told in one answer
PROBLEM = "Problem"  # the name of its schema in the OpenAPI documents
_STATUS = {
    "token_missing": 401, "token_unknown": 401, "token_expired": 401, "token_revoked": 401, "scope_missing": 403, "not_yours": 403,
    "not_found": 404, "run_unknown": 404, "image_unknown": 404, "model_unknown": 404, "no_images_kept": 404,
    "missing": 404, "prediction_unknown": 404, "feedback": 422, "cursor": 422, "run_in_use": 409, "run_unfinished": 409, "run_failed": 409,
    "too_large": 413, "too_many_pixels": 413, "upload_too_large": 413,
    "request": 422, "method_unknown": 422, "layer_unknown": 422, "no_conv_layer": 422, "map_not_finite": 422, "choice": 422, "filter": 422,
    "storage": 507,
}  # fmt: skip

_FIX = {  # instead of a command
    "run_unknown": "`GET /api/v1/evaluations` lists the evaluations.",
    "image_unknown": "`GET /api/v1/evaluations/ID/rows` lists the images, each with its `index`.",
    "run_in_use": "Wait until the evaluation has ended, or cancel it (`POST /api/v1/evaluations/ID/cancel`).",
    "run_vanished": "Move the folder back on the server if you can. Then send the dataset again under the same name "
    "(`POST /api/v1/evaluations`): the evaluation goes on where it stopped, or begins again if the folder is gone.",
    "run_damaged": "Delete the evaluation (`DELETE /api/v1/evaluations/ID`), then evaluate the dataset again.",
}


class Problem(Schema):
    """Why a request failed."""

    type: str = Field(description="a name of the kind of problem: urn:classifier-dashboard:CODE")
    title: str = Field(description="the HTTP status in words")
    status: int
    detail: Sentence = Field(description="what happened and why")
    code: str = Field(description="stable name of the kind of error, for programs")
    fix: Sentence = Field(description="what to do about it; may be empty")
    question: QuestionRecord | None = Field(None, description="what has to be decided first; null if nothing has")
    request_id: str = Field("", description="of the line in the log; `X-Request-ID` of the request or made for it")


class ProblemOfProtocol(Problem):
    """Why a request failed, also for clients of the Open Inference Protocol."""

    @computed_field(description="`detail` and `fix`, where the protocol has them")  # type: ignore[prop-decorator]
    @property
    def error(self) -> str:
        """`detail` and `fix` in one text."""
        return f"{self.detail} {self.fix}".strip()


_kind: ContextVar[type[Problem]] = ContextVar("kind of problem", default=Problem)


class ProblemKind:
    """Middleware that sets the kind of the problems that an app answers with."""

    def __init__(self, app: ASGIApp, kind: type[Problem]) -> None:
        self._app, self._of_app = app, kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        _kind.set(self._of_app)
        await self._app(scope, receive, send)


def status_of(error: DashboardError | Failure) -> int:
    """The HTTP status of an error."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    return 422 if isinstance(error, (ImageError, DatasetError, Failure)) else 503


def problem(
    status: int,
    code: str,
    detail: str,
    fix: str = "",
    question: QuestionRecord | None = None,
    headers: Mapping[str, str] | None = None,
    kind: type[Problem] | None = None,
) -> JSONResponse:
    """The response. `kind`: by default that of the app which answers, see `ProblemKind`."""
    record = (kind or _kind.get())(
        type=f"urn:classifier-dashboard:{code}", title=HTTPStatus(status).phrase, status=status, detail=detail,
        code=code, fix=fix, question=question, request_id=request_id.get(),
    )  # fmt: skip
    return JSONResponse(record.as_json(), status, headers, MEDIA_TYPE)


def problem_of(error: DashboardError | Failure, status: int = 0) -> JSONResponse:
    """The response that tells a known error. `status`: instead of the one that errors with its code have."""
    status = status or status_of(error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}.get(status)
    return problem(status, error.code, error.message, fix_of(error), question_of(error), headers)


def fix_of(error: DashboardError | Failure) -> str:
    """What to do about an error, for programs that use the API."""
    if error.code in _FIX:
        return _FIX[error.code]
    return error.fix_in(as_field) if isinstance(error, DashboardError) else error.fix


def as_field(choice: Choice) -> str:
    """A choice of the user as a field of the API."""
    if choice.value is None:
        return f"`{choice.name}`"
    if choice.name == "label_map":
        return f"label_map={json.dumps({choice.label: choice.value or None}, ensure_ascii=False)}"
    return f"{choice.name}={choice.value}"


def question_of(error: DashboardError | Failure | None) -> QuestionRecord | None:
    """The question that has to be answered first; None if the error is another."""
    return QuestionRecord.of(error.question) if isinstance(error, UndecidedError) else None


def tell_problems(app: FastAPI) -> None:
    """Makes every error of an app a problem."""

    @app.exception_handler(DashboardError)
    async def known(request: Request, error: DashboardError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(ImportError)
    async def broken(request: Request, error: ImportError) -> JSONResponse:
        return problem_of(await asyncio.to_thread(told_once, error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = list(error.errors())
        faults = [f"{_place(each)}: {_words(each)}" for each in found[:MOST_FAULTS]]
        if len(found) > MOST_FAULTS:
            faults.append(f"and {len(found) - MOST_FAULTS:,} more")
        choices = [
            f"Set `{_place(each)}` to {each['ctx']['expected']}."
            for each in found[:MOST_FAULTS]
            if each["type"] == "literal_error"
        ]
        return problem(422, "request", "; ".join(faults), " ".join((*choices, _see_docs(request))))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        # nobody reads it, but without an answer the server logs the departure as a fault of its own
        return problem(400, "client_gone", "The client left before it had sent everything.", "Send it again.")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        # Starlette raises the error again after the answer, so that the server logs its traceback
        return problem(
            500, "internal_server_error", "The server met an error that it does not expect.",
            "Try again. If it fails again, tell the operator of this server: its log has the traceback next to the line with "
            "the id of this request.",
        )  # fmt: skip

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = HTTPStatus(error.status_code).name.lower()
        return problem(error.status_code, code, str(error.detail), _see_docs(request), headers=error.headers)


def _place(fault: Mapping[str, Any]) -> str:
    """The name of what is wrong, or `body` for the whole body."""
    return ".".join(map(str, fault["loc"][1:] or fault["loc"]))


def _words(fault: Mapping[str, Any]) -> str:
    return "there is no such field" if fault["type"] == "extra_forbidden" else str(fault["msg"])


def _see_docs(request: Request) -> str:
    return f"See the description of the API at {request.scope.get('root_path', '')}/docs."


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The description of problems for the OpenAPI document. `api.openapi` adds those of every route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}
    return {each: {"description": HTTPStatus(each).phrase, "content": content} for each in statuses}
