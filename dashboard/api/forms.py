"""Forms with files."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData

from dashboard.core.errors import DashboardError

_MOST_TEXTS = 16


@asynccontextmanager
async def form_of(request: Request, most_files: int) -> AsyncIterator[FormData]:
    """The form of a request; its files are closed afterwards. Parts above 1 MB are kept in temporary files.

    Raises:
        DashboardError: the temporary files cannot be written.
    """
    try:
        form = await request.form(max_files=most_files, max_fields=_MOST_TEXTS)
    except OSError as error:
        raise DashboardError(
            f"The form could not be stored in {tempfile.gettempdir()}: {error.strerror or error}.",
            "Send the file itself as the body. On the server, free space there or set TMPDIR to another folder.",
            "storage",
        ) from error
    try:
        yield form
    finally:
        await form.close()
