"""A digest that tells one request body from another."""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers

from dashboard.api.media_types import media_type


class BodyDigest:
    """SHA-256 of a body that arrives in parts.

    The boundary between the parts of a form is left out, because clients choose a new one whenever they send a form.
    """

    def __init__(self, headers: Headers) -> None:
        self._hash = hashlib.sha256()
        self._hash.update(media_type(headers).encode() + b"\n")
        options = headers.get("content-type", "").partition(";")[2]
        name, _, value = options.partition("boundary=")
        self._boundary = value.split(";")[0].strip().strip('"').encode() if not name.strip(" ;") else b""
        self._tail = b""  # may be the beginning of a boundary

    def update(self, part: bytes) -> None:
        """Adds the next part of the body."""
        if not self._boundary:
            self._hash.update(part)
            return
        data = self._tail + part
        after = data.rfind(self._boundary) + len(self._boundary) if self._boundary in data else 0
        kept = max(after, len(data) - len(self._boundary) + 1)
        self._hash.update(data[:after].replace(self._boundary, b"") + data[after:kept])
        self._tail = data[kept:]

    def text(self) -> str:
        """The digest in hexadecimal, when the body is complete."""
        self._hash.update(self._tail)
        self._tail = b""
        return self._hash.hexdigest()
