"""JSON bodies, read without letting a few megabytes of text become gigabytes of objects."""

from __future__ import annotations

from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from dashboard.core.errors import DashboardError

T = TypeVar("T")


def read_json(adapter: TypeAdapter[T], body: bytes, most_values: int, *place: str) -> T:
    """The record in a JSON body.

    Args:
        adapter: what the body must be.
        body: UTF-8.
        most_values: more commas than that are refused before anything is parsed, since each adds an object in memory.
        place: the names that lead to it, if it is not the whole body.

    Raises:
        DashboardError: if there are too many values.
        RequestValidationError: if the body is not what it must be.
    """
    if body.count(b",") > most_values:
        raise DashboardError(
            f"The JSON lists more than {most_values:,} values.",
            "Send fewer at a time, or the files themselves as a form instead of JSON.",
            "too_large",
        )
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise invalid(error, *place) from error


def invalid(error: ValidationError, *place: str) -> RequestValidationError:
    """The error of pydantic as one of FastAPI, about the body."""
    return RequestValidationError(
        [{**each, "loc": ("body", *place, *each["loc"])} for each in error.errors(include_input=False)]
    )
