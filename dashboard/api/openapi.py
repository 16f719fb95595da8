"""What the OpenAPI document of an app says about every route, so that no route has to say it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from dashboard.api.limits import UNLIMITED
from dashboard.api.problems import PROBLEM, Problem, answers
from dashboard.core.shell import as_called

_REF = "#/components/schemas/"


def schema_of(record: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a record that a route reads or writes itself, for `openapi_extra` and `responses`."""
    return record.model_json_schema(ref_template=_REF + "{model}")


def describe(app: FastAPI, kind: type[Problem]) -> None:
    """Completes the OpenAPI document of an app whose problems are of this kind."""
    generated = app.openapi

    def completed() -> dict[str, Any]:
        document = deepcopy(generated())  # parts of it belong to the modules of the routes
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas[PROBLEM] = kind.model_json_schema(mode="serialization", ref_template=_REF + "{model}")
        schemas.update(_definitions(document))
        for never_sent in ("HTTPValidationError", "ValidationError"):
            schemas.pop(never_sent, None)
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                responses = operation["responses"]
                for status, response in answers(*_statuses(path, method, operation)).items():
                    responses.setdefault(str(status), response)
                if "422" in responses:  # FastAPI describes its own errors, which `tell_problems` replaces
                    responses.update({"422": answers(422)[422]})
        named: dict[str, Any] = json.loads(as_called(json.dumps(document)))
        return named

    app.openapi = completed  # type: ignore[method-assign]  # as FastAPI's documentation says


def _definitions(part: Any) -> dict[str, Any]:
    """Takes the definitions out of all schemas in a part of a document, because references look for them elsewhere."""
    found: dict[str, Any] = part.pop("$defs", {}) if isinstance(part, dict) else {}
    inner = list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []
    for each in [*inner, *found.values()]:
        found = {**found, **_definitions(each)}
    return found


def _statuses(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    """The statuses of the problems that do not depend on what a route does."""
    yield 500  # an error that nobody expects
    if path not in UNLIMITED:
        yield 429
    if "security" in operation:  # no token, not its scope, or the tokens cannot be read
        yield from (401, 403, 503)
    if method == "post":  # the body comes too slowly or is too large; see also `Idempotency`
        yield from (408, 409, 413, 422)
