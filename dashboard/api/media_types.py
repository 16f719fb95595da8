"""The media type of a request."""

from __future__ import annotations

from starlette.datastructures import Headers


def media_type(headers: Headers) -> str:
    """That of the body, in lower case and without options such as the encoding; "" if it is not stated."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()
